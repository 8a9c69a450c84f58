"""`xiangli messages`: the words of the pages in English."""

import click

from xiangli.config.words import words


@click.command(
    "messages",
    help=words(
        "从源代码收集中文词句，更新英文词句表（web/locale/en）并编译。",
        "Collect the words of the sources, update the English catalogue (web/locale/en) and compile it.",
    ),
)
@click.option(
    "--check", is_flag=True, help=words("只检查，不改动", "Change nothing; fail when English has a gap.")
)
@click.option(
    "--prune", is_flag=True, help=words("删去已不用的词句", "Drop words that no source uses any more.")
)
@click.option("--compile", "only_compile", is_flag=True, help=words("只编译", "Only compile, where needed."))
def command(*, check: bool, prune: bool, only_compile: bool) -> None:
    from xiangli.web import catalogue

    if only_compile:
        catalogue.compile_catalogue()
        return
    sources = catalogue.found_in_sources()
    english = catalogue.read()
    if not check:
        catalogue.merge(english, sources)
        if prune:
            english.obsolete.clear()
        catalogue.write(english)
        catalogue.compile_catalogue(even_if_new=True)
    found = [*catalogue.gaps(english, sources), *catalogue.unmarked()]
    for gap in found:
        print(gap)
    print(
        words(
            f"{len(sources)} 条词句，{len(found)} 处需要处理。",
            f"{len(sources)} messages, {len(found)} to mend.",
        )
    )
    if check and found:
        raise SystemExit(1)
