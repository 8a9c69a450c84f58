"""`xiangli manage outbox`: what waits, what is stuck, and letting it try again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from xiangli.kernel import clock, outbox


class Command(BaseCommand):
    help = "What waits in the outbox and what is stuck; --retry lets stuck messages try again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--retry", metavar="ID", nargs="*", type=UUID, help="these, or all without an ID")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        if options["retry"] is not None:
            asked = options["retry"] or [message.pk for message in outbox.stuck()]
            missing = [message_id for message_id in asked if not outbox.retry(message_id, now=now)]
            if missing:
                raise CommandError(_("这些任务没有卡住：%(ids)s") % {"ids": ", ".join(map(str, missing))})
        waiting, stuck = outbox.waiting(now), outbox.stuck()
        self.stdout.write(_("等待执行 %(count)s 项") % {"count": waiting.count})
        if waiting.oldest:
            self.stdout.write(_("最早的从 %(since)s 开始等") % {"since": _local(waiting.oldest)})
        self.stdout.write(_("卡住 %(count)s 项") % {"count": len(stuck)})
        for message in stuck:
            since = _local(message.stuck_at) if message.stuck_at else ""
            self.stdout.write(f"  {message.pk}  {message.topic}  {message.last_error}  {since}")


def _local(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"
