"""`xiangli import-units`"""

import click

from xiangli.config.words import words


@click.command("import-units", help=words("导入单位。", "Import units."))
def command() -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready(owner=True):
        from xiangli.territory.importing import import_units

        import_units()
