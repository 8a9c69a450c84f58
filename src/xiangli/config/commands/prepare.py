"""`xiangli prepare`: what `xiangli run` does before it serves, in one process."""

import click

from xiangli.config.words import words


@click.command("prepare", hidden=True)
@click.option("--demo", is_flag=True)
@click.option("--outside", is_flag=True, help="the address to serve can be reached from other machines")
def command(*, demo: bool, outside: bool) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready(owner=True) as served_by:
        from xiangli.accounts.queries import demo_people_exist
        from xiangli.config.launcher.tables import migrate

        migrate(served_by=served_by, say=lambda line: print(line, flush=True))
        if demo and not outside:
            from xiangli.config.commands.demo import command as load

            load.main(["--if-empty"], standalone_mode=False)
        if outside and (demo or demo_people_exist()):
            raise click.ClickException(
                words(
                    "任何人都能以演示人员的身份登录，所以演示只能在本机地址上运行。"
                    "请用 --host 127.0.0.1，或换一个空的 XIANGLI_HOME。",
                    "anybody may sign in as a demo person, so the demo is served on loopback only. "
                    "Use --host 127.0.0.1, or another, empty XIANGLI_HOME.",
                )
            )
