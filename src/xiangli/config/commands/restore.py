"""`xiangli restore`"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xiangli.config.words import words

if TYPE_CHECKING:
    from xiangli.config.keeping.archive import Manifest


@click.command(
    "restore",
    help=words(
        "从备份恢复到空的地方：数据库、照片、链头，然后校验存证。不会覆盖已有的数据。",
        "Bring a backup into an empty place: database, photos, heads; then verify the ledger. Never over data that are"
        " there.",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--check",
    "only_check",
    is_flag=True,
    help=words("只检查这个文件是否完整，不恢复", "only see whether the file is whole"),
)
def command(*, file: Path, only_check: bool) -> None:
    from xiangli.config.commands.verify_ledger import command as verify_ledger
    from xiangli.config.keeping import archive
    from xiangli.config.keeping.faults import KeepingError
    from xiangli.config.keeping.progress import shown
    from xiangli.config.launcher.home import django_ready, embedded, home
    from xiangli.config.secrets import FILE, load_secrets

    said = archive.read_manifest(file)
    if not only_check:
        if not os.environ.get("DATABASE_URL") and embedded().answers():
            raise KeepingError(
                words("巷里正在运行：请先停下它再恢复。", "Xiangli is running: stop it, then restore.")
            )
        _bring_keys(file, said)
    here = (home() / FILE).exists() or bool(os.environ.get("XIANGLI_MASTER_KEY"))
    master_key = load_secrets(home()).master_key if here else None
    with shown() as tell:
        manifest = archive.check(
            file,
            seal_key=(lambda found: _seal_key(found, master_key)) if master_key else None,
            progress=lambda done: tell(words("检查备份", "checking the backup"), done, file.stat().st_size),
        )
    print(_described(file, manifest), flush=True)
    if only_check:
        if master_key is None:
            print(words("没有密钥，封签没有核对。", "Without the keys its seal was not compared."))
        return
    with django_ready(owner=True) as served_by:
        from xiangli.config.keeping import database
        from xiangli.config.keeping.restoring import restore

        if others := database.sessions_of(served_by):
            raise KeepingError(
                words(
                    f"还有 {others} 个连接在使用这个数据库：请先停下服务。什么也没有改动。",
                    f"{others} others are connected to this database: stop the service first. Nothing was changed.",
                )
            )
        with shown() as tell:
            restore(file, manifest, served_by=served_by, tell=tell)
        print(words("数据已全部恢复。", "Everything is restored."), flush=True)
        verify_ledger.main([], standalone_mode=False)
    print(
        words(
            "启动前请看 docs/how-to/restore.md：备份之后停用的人员和手机会重新有效，未发出的消息会再发。",
            "Before you serve read docs/how-to/restore.md: people and phones ended since the backup are back, and"
            " messages that waited then go out again.",
        )
    )


def _described(file: Path, manifest: "Manifest") -> str:
    return words(
        f"{file} 完整：版本 {manifest.version}，{manifest.taken_at}，{manifest.files} 张照片，"
        f"{sum(manifest.rows.values())} 行",
        f"{file} is whole: version {manifest.version}, {manifest.taken_at}, {manifest.files} photos,"
        f" {sum(manifest.rows.values())} rows",
    )


def _bring_keys(file: Path, manifest: "Manifest") -> None:
    """Have the keys in the home before anything makes new ones there."""
    from xiangli.config.commands.backup import ask_passphrase
    from xiangli.config.keeping import archive
    from xiangli.config.keeping.faults import KeepingError
    from xiangli.config.keeping.keys import open_keys, write_keys
    from xiangli.config.launcher.home import home
    from xiangli.config.secrets import FILE

    given = all(os.environ.get(f"XIANGLI_{key}_KEY") for key in ("SECRET", "MASTER", "LEDGER"))
    if given or (home() / FILE).exists():
        return
    sealed = archive.small_part(file, archive.KEYS) if manifest.keys_inside else None
    if sealed is None:
        raise KeepingError(
            words(
                f"密钥不在备份里，这里也没有：请先把当时的 secrets.json 放到 {home() / FILE}（权限 600），"
                "或设置 XIANGLI_SECRET_KEY、XIANGLI_MASTER_KEY、XIANGLI_LEDGER_KEY。什么也没有改动。",
                f"the keys are neither in the backup nor here: put the secrets.json of that deployment to"
                f" {home() / FILE} (mode 600), or set XIANGLI_SECRET_KEY, XIANGLI_MASTER_KEY and"
                " XIANGLI_LEDGER_KEY. Nothing was changed.",
            )
        )
    write_keys(home(), open_keys(sealed, ask_passphrase(confirm=False)))
    print(words("密钥已从备份取出。", "The keys were taken out of the backup."), file=sys.stderr)


def _seal_key(manifest: "Manifest", master_key: bytes) -> bytes:
    from xiangli.config.keeping.faults import KeepingError
    from xiangli.config.keeping.keys import fingerprint, seal_key

    if fingerprint(master_key) != manifest.key:
        raise KeepingError(
            words(
                f"这里的密钥（{fingerprint(master_key)}）不是备份所用的密钥（{manifest.key}）：用它打不开里面的"
                "联系方式。请放上当时的 secrets.json。什么也没有改动。",
                f"the keys here ({fingerprint(master_key)}) are not those of the backup ({manifest.key}), and would open"
                " no contact in it. Put that deployment's secrets.json here. Nothing was changed.",
            )
        )
    return seal_key(master_key)
