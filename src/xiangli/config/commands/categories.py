"""`xiangli categories FILE`"""

from pathlib import Path

import click

from xiangli.config.words import words


@click.command(
    "categories",
    help=words("装入本县的事项类别（TOML 文件）。", "Load a county's own categories from a TOML file."),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(*, file: Path) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready(owner=True):
        from xiangli.cases.actions import load_categories

        try:
            count = load_categories(file)
        except (ValueError, KeyError) as error:  # TOMLDecodeError is a ValueError
            raise click.ClickException(
                words(f"{file} 读不懂：{error}", f"{file} cannot be read: {error}")
            ) from error
    click.echo(words(f"已装入 {count} 个类别。", f"{count} categories loaded."))
