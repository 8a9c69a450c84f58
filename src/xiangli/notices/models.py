"""Notices in the app."""

from django.db import models
from django.db.models import Q

from xiangli.kernel.ids import new_id


class Notice(models.Model):
    """One line to one person about one stream. Codes and ids only; the page words it, and asks the fence
    before it shows more.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.UUIDField()  # the outbox row that made it: a second delivery makes no second notice
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="notices")
    about = models.UUIDField()  # the matter
    kind = models.CharField(max_length=60)  # the verb
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "user"], name="notice_once")]
        indexes = [
            models.Index(fields=["user", "-at", "-id"], name="notice_by_user"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notice_unread"),
        ]
