"""`xiangli manage timers`: what waits, what is stuck, and letting it try again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from xiangli.kernel import clock, timers


class Command(BaseCommand):
    help = "What is due and has not fired, and what is stuck; --retry lets stuck timers try again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--retry", metavar="ID", nargs="*", type=UUID, help="these, or all without an ID")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        if options["retry"] is not None:
            asked = options["retry"] or [row.pk for row in timers.stuck()]
            missing = [due_id for due_id in asked if not timers.retry(due_id, now=now)]
            if missing:
                raise CommandError(_("这些任务没有卡住：%(ids)s") % {"ids": ", ".join(map(str, missing))})
        waiting, stuck = timers.waiting(now), timers.stuck()
        self.stdout.write(_("等待执行 %(count)s 项") % {"count": waiting.count})
        if waiting.oldest:
            self.stdout.write(_("最早的从 %(since)s 开始等") % {"since": _local(waiting.oldest)})
        self.stdout.write(_("卡住 %(count)s 项") % {"count": len(stuck)})
        for row in stuck:
            since = _local(row.stuck_at) if row.stuck_at else ""
            self.stdout.write(f"  {row.pk}  {row.kind}  {row.subject}  {row.last_error}  {since}")


def _local(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"
