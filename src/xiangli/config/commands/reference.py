"""`xiangli reference`: the pages of docs/reference, from the code."""

import os
import sys

import click

from xiangli.config.words import words


@click.command(
    "reference",
    help=words(
        "由代码生成参考文档（docs/reference）：状态图、时限、岗位权限、地址、数据模型。",
        "Make docs/reference from the code: states, roles, addresses, data model.",
    ),
)
@click.option(
    "--check", is_flag=True, help=words("只检查，不改动", "Change nothing; fail when a page is stale.")
)
def command(*, check: bool) -> None:
    # No database is asked: the settings alone will do.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xiangli.config.settings")
    import django

    django.setup()

    from xiangli.config import reference

    found = reference.stale() if check else reference.write()
    for name in found:
        print(f"docs/reference/{name}")
    print(
        words(f"{len(found)} 页需要更新。", f"{len(found)} pages are stale.")
        if check
        else words(f"更新了 {len(found)} 页。", f"{len(found)} pages brought up to date.")
    )
    if check and found:
        sys.exit(1)
