"""`xiangli backup`"""

from pathlib import Path

import click

from xiangli.config.words import words


@click.command(
    "backup",
    help=words(
        "备份数据库、照片和链头到一个文件，可以在运行时做。密钥默认不在里面，请另外保存。",
        "Copy database, photos and ledger heads into one file, while people work. The keys are not inside unless asked"
        " for: keep them elsewhere.",
    ),
)
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help=words(
        "写到这个目录或文件；默认 XIANGLI_HOME/backups", "this folder or file; else XIANGLI_HOME/backups"
    ),
)
@click.option(
    "--with-keys",
    is_flag=True,
    help=words(
        "密钥也放进去，用口令加密（XIANGLI_BACKUP_PASSPHRASE，否则会询问）",
        "the keys too, under a passphrase (XIANGLI_BACKUP_PASSPHRASE, else it is asked for)",
    ),
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help=words(
        "写好后只留最近的几份，更早的删除", "afterwards keep this many of the latest, delete older ones"
    ),
)
def command(*, to: Path | None, with_keys: bool, keep: int | None) -> None:
    from xiangli.config.keeping.keys import check_passphrase
    from xiangli.config.launcher.home import django_ready, home

    passphrase = None
    if with_keys:
        passphrase = ask_passphrase(confirm=True)
        check_passphrase(passphrase)
    with django_ready(owner=True):
        from xiangli.config.keeping.backing import back_up, place, prune
        from xiangli.config.keeping.progress import shown
        from xiangli.kernel import clock

        now = clock.now()
        path = place(to, now)
        with shown() as tell:
            made = back_up(path, now=now, passphrase=passphrase, tell=tell)
        for old in prune(path.parent, keep) if keep else []:
            click.echo(words(f"已删除旧备份 {old}", f"deleted the old backup {old}"))
    print(described(made.path, made.size, made.manifest.files))
    if made.manifest.lost:
        print(
            words(
                f"! 有 {made.manifest.lost} 张照片在存储里找不到，备份里也没有。",
                f"! {made.manifest.lost} photos are not in the storage, and so not in the backup.",
            )
        )
    if not with_keys:
        print(
            words(
                f"密钥不在备份里。没有 {home() / 'secrets.json'}（或 XIANGLI_*_KEY）就打不开联系方式和凭条："
                "请把它另存在别处，不要和备份放在一起。",
                f"The keys are not inside. Without {home() / 'secrets.json'} (or XIANGLI_*_KEY) no contact and no"
                " receipt opens again: keep it elsewhere, not beside the backup.",
            )
        )


def described(path: Path, size: int, photos: int) -> str:
    """One line about a backup that is whole."""
    return words(
        f"备份完成：{path}（{size / 1024**2:.1f} MiB，{photos} 张照片）",
        f"backup: {path} ({size / 1024**2:.1f} MiB, {photos} photos)",
    )


def ask_passphrase(*, confirm: bool) -> str:
    """From the environment, where a timer asks; else from the terminal, unseen."""
    import os

    given = os.environ.get("XIANGLI_BACKUP_PASSPHRASE")
    return given or str(
        click.prompt(
            words("密钥的口令", "Passphrase of the keys"), hide_input=True, confirmation_prompt=confirm
        )
    )
