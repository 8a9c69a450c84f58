"""The `xiangli` command. Each subcommand stands in `commands/` and imports Django only when it is called."""

from __future__ import annotations

import importlib
from typing import Final

import click

from xiangli.config.words import words

# name -> (Chinese, English); the module is `commands.<name with _>`, the command in it is called `command`.
_COMMANDS: Final = {
    "run": ("启动整套服务", "start everything and serve"),
    "demo": ("装入五个县的演示数据", "load the five demo counties"),
    "doctor": ("检查这台机器上的问题并说明如何处理", "what is wrong here and how to mend it"),
    "metrics": ("供监控系统读取的数据", "figures for a monitoring system"),
    "import-units": ("导入单位", "import units"),
    "organ": ("设立县的部门", "open an organ of a county"),
    "county": ("查看或设置一个县的时间", "show or set the hours of a county"),
    "appoint": ("任命岗位", "appoint somebody to a post"),
    "calendar": ("录入一年的放假和调休安排", "enter a year's holidays"),
    "categories": ("装入本县的事项类别", "load a county's own categories"),
    "responsibilities": ("导入、导出权责清单", "import and export lists of responsibilities"),
    "channel": ("县里通知用的通道", "by which channels a county tells people"),
    "source": ("直接发来工单的平台", "platforms that send orders by themselves"),
    "address": ("登记一个人的通知号码或账号", "where a person is reached"),
    "enrol": ("发开通链接", "hand out an enrolment link"),
    "verify-ledger": ("校验存证链", "verify the ledger"),
    "backup": ("备份到一个文件", "copy everything into one file"),
    "restore": ("从备份恢复到空的地方", "bring a backup into an empty place"),
    "upgrade": ("升级数据到本版本", "bring the data to this version"),
    "migrate": ("更新数据库结构", "bring the tables up to date"),
    "serve": ("只运行网页服务", "the web server alone"),
    "worker": ("任务进程", "the process that does outbox jobs"),
    "sealer": ("封存进程", "the process that seals the ledger"),
    "messages": ("更新英文词句表", "update the English catalogue"),
    "reference": ("由代码生成参考文档", "make the reference from the code"),
    "manage": ("Django 管理命令", "Django's own commands"),
    "prepare": ("", ""),
}
_HIDDEN: Final = {"prepare"}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"xiangli.config.commands.{cmd_name.replace('-', '_')}")
        found: click.Command = module.command
        found.hidden = cmd_name in _HIDDEN
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(words("命令", "Commands")):
            formatter.write_dl(
                [(name, words(*said)) for name, said in _COMMANDS.items() if name not in _HIDDEN]
            )

    def invoke(self, ctx: click.Context) -> object:
        from xiangli.config.launcher.embedded import DatabaseError
        from xiangli.config.launcher.serve import StartError
        from xiangli.config.secrets import SecretsError

        try:
            return super().invoke(ctx)
        except (DatabaseError, StartError, SecretsError) as error:
            raise click.ClickException(str(error)) from error


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xiangli")
def main() -> None:
    """巷里 Xiangli"""


if __name__ == "__main__":
    main()
