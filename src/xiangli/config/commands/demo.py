"""`xiangli demo`"""

import click

from xiangli.config.words import words


@click.command("demo", help=words("装入五个县的演示数据。", "Load the five demo counties."))
@click.option("--if-empty", is_flag=True, help=words("已有数据时不做任何事", "do nothing when there is data"))
@click.option(
    "--show", is_flag=True, help=words("只显示演示人员和门牌链接", "only show demo people and a plate's link")
)
def command(*, if_empty: bool, show: bool) -> None:
    from xiangli.config.launcher.home import django_ready

    with django_ready(owner=True):
        from xiangli.config.demo import load_demo, show_demo
        from xiangli.kernel.refusals import Refused

        if not show:
            try:
                loaded = load_demo(if_empty=if_empty)
            except Refused as refused:
                raise click.ClickException(str(refused.reason)) from refused
            if not loaded and not if_empty:
                click.echo(words("演示数据早已装入。", "The demo is loaded already."))
        if show or not if_empty:  # `run` loads before it serves and shows when it does
            show_demo()
