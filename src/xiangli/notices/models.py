"""Notices in the app."""

from django.db import models
from django.db.models import Q

from xiangli.kernel.ids import new_id
from xiangli.notices.states import ChannelKind, DeliveryState


class Notice(models.Model):
    """One line to one person about one stream. Codes and ids only; the page words it, and asks the fence
    before it shows more.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.UUIDField()  # the outbox row that made it: a second delivery makes no second notice
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="notices")
    about = models.UUIDField(null=True)  # the matter; none where one line stands for many
    count = models.PositiveIntegerField(default=1)  # of matters that this line stands for
    kind = models.CharField(max_length=60)  # the verb
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "user"], name="notice_once")]
        indexes = [
            models.Index(fields=["user", "-at", "-id"], name="notice_by_user"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notice_unread"),
        ]


class Channel(models.Model):
    """A way out that a county has opened. Its secrets are encrypted; they are set on the command line."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    county = models.ForeignKey("territory.Unit", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=ChannelKind)
    settings = models.BinaryField()  # the suite's envelope over JSON
    enabled = models.BooleanField(default=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["county", "kind"], name="channel_once_a_county")]


class Address(models.Model):
    """Where one person of staff is reached by a channel, and whether they want to be."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="addresses")
    kind = models.CharField(max_length=12, choices=ChannelKind)
    address = models.BinaryField()  # encrypted: a number, an account, a mailbox
    wanted = models.BooleanField(default=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="address_once")]


class Delivery(models.Model):
    """One message on its way out, or the digest of several: to a person of staff, to a reporter, or to a group.
    The words are made when it leaves; the address of a reporter is kept encrypted until then, and no longer."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    county = models.ForeignKey("territory.Unit", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=ChannelKind)
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.CASCADE, related_name="deliveries")
    address = models.BinaryField(null=True)  # of whoever is no user; emptied when sent or given up
    about = models.UUIDField(null=True)  # the matter
    what = models.CharField(max_length=60)  # the verb
    facts = models.JSONField(default=dict)  # codes and names for the template; nothing personal
    count = models.PositiveIntegerField(default=1)
    danger = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=60, default="", blank=True)  # a code, never the provider's words
    made_at = models.DateTimeField()
    not_before = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    given_to = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.SET_NULL, related_name="+"
    )  # who tells it in person, where no channel could
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="delivery_to_one", condition=~(Q(user__isnull=False) & Q(address__isnull=False))
            )
        ]
        indexes = [
            models.Index(fields=["not_before", "id"], condition=Q(state="waiting"), name="delivery_waiting"),
            models.Index(
                fields=["county", "-made_at", "-id"], condition=Q(state="dead"), name="delivery_dead"
            ),
            models.Index(
                fields=["user", "kind", "-made_at"], condition=Q(user__isnull=False), name="delivery_by_user"
            ),
        ]


class Preference(models.Model):
    """How one person of staff is spoken to outside the app. Without a row: in Chinese."""

    user = models.OneToOneField(
        "accounts.User", primary_key=True, on_delete=models.CASCADE, related_name="notice_preference"
    )
    language = models.CharField(max_length=10)  # of settings.LANGUAGES
