"""Rows of the kernel: ledger, outbox, files, throttle. Constraints stand in the database."""

from django.db import models

from xiangli.kernel.ids import new_id


class LedgerEvent(models.Model):
    """Something that happened, for ever: who, in which post, when, to what. Append-only by privileges.

    `data` holds nothing personal (states, codes, unit ids). Words, names and photo ids are in the erasable
    `LedgerPayload`, to which `commitment` = SHA-256(salt || canonical payload) binds the event. Events of one
    `stream` are chained: `hash` covers every column above it and the previous event's hash, under the lock on
    the stream's row that the action holds anyway.
    """

    # the client's id of the act: a resend is the same event
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.UUIDField()  # the county
    stream = models.UUIDField()  # the matter
    seq = models.PositiveIntegerField()  # 1, 2, 3 … within the stream
    kind = models.CharField(max_length=60)  # the verb: "take_case"
    at = models.DateTimeField()
    # the user; null: the reporter or the system, told apart by `authority`
    actor = models.UUIDField(null=True)
    authority = models.CharField(max_length=120)  # "appointment:<uuid>", "receipt", "rule:<name>"
    data = models.JSONField(default=dict)
    commitment = models.BinaryField(max_length=32, null=True)  # null: the event has no payload
    prev_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)
    seal = models.ForeignKey(
        "kernel.LedgerSeal", null=True, on_delete=models.PROTECT, related_name="events", db_index=False
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "seq"], name="ledger_event_once_in_stream")]
        indexes = [
            models.Index(fields=["scope", "id"], condition=models.Q(seal=None), name="ledger_event_unsealed"),
            models.Index(
                fields=["seal", "id"], condition=models.Q(seal__isnull=False), name="ledger_event_by_seal"
            ),
        ]


class LedgerPayload(models.Model):
    """The erasable half of an event: words, names, photo ids. Erasing sets `body` and `salt` to null and
    names the run.
    """

    event = models.OneToOneField(
        LedgerEvent, primary_key=True, on_delete=models.PROTECT, related_name="payload"
    )
    salt = models.BinaryField(max_length=16, null=True)
    body = models.JSONField(null=True)
    erased_by = models.ForeignKey(
        "kernel.ErasureRun", null=True, on_delete=models.PROTECT, related_name="payloads"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="ledger_payload_whole_or_erased",
                condition=models.Q(erased_by=None, body__isnull=False, salt__isnull=False)
                | models.Q(erased_by__isnull=False, body__isnull=True, salt=None),
            )
        ]


class ErasureRun(models.Model):
    """One run of erasure over payloads; its own event in the ledger lists the events it emptied."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.PositiveIntegerField(unique=True)
    scope = models.UUIDField()
    at = models.DateTimeField()
    reason = models.CharField(max_length=200)


class LedgerSeal(models.Model):
    """A batch of new events of one scope, chained to the batch before: `hash` covers number, time, and each
    event's id and hash.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.UUIDField()
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    events_count = models.PositiveIntegerField()
    prev_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "number"], name="ledger_seal_numbered")]


class OutboxMessage(models.Model):
    """An effect that leaves through the door after the transaction: written in it, done later, retried,
    visible when stuck.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    topic = models.CharField(max_length=60)  # names the handler: "notices.tell"
    payload = models.JSONField(default=dict)  # ids and codes only, nothing personal
    created_at = models.DateTimeField()
    available_at = models.DateTimeField()  # not before
    attempts = models.PositiveSmallIntegerField(default=0)
    # the class of the error, never its data
    last_error = models.CharField(max_length=300, default="", blank=True)
    done_at = models.DateTimeField(null=True)
    stuck_at = models.DateTimeField(null=True)  # gave up until a person looks

    class Meta:
        indexes = [
            models.Index(
                fields=["available_at", "id"],
                condition=models.Q(done_at=None, stuck_at=None),
                name="outbox_waiting",
            ),
            models.Index(
                fields=["stuck_at"],
                condition=models.Q(stuck_at__isnull=False, done_at=None),
                name="outbox_stuck",
            ),
        ]


class StoredFile(models.Model):
    """A checked, stripped and stored picture. Its name is a keyed HMAC of its content within a scope, so that
    one county cannot probe what another holds; there is no global URL. `references` counts what points at it;
    at nought it is swept.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.UUIDField()
    name = models.CharField(max_length=64)  # hex of HMAC-SHA-256 over the stored bytes
    size = models.PositiveIntegerField()  # bytes
    media_type = models.CharField(max_length=40)
    width = models.PositiveIntegerField()  # pixels
    height = models.PositiveIntegerField()
    taken_lat = models.FloatField(null=True)  # from EXIF before it was stripped; degrees, WGS-84; until used
    taken_lng = models.FloatField(null=True)
    taken_at = models.DateTimeField(null=True)
    references = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    touched_at = models.DateTimeField()  # last stored or released: the sweep counts its grace from here

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "name"], name="stored_file_once_in_scope")]
        indexes = [
            models.Index(
                fields=["touched_at"], condition=models.Q(references=0), name="stored_file_unreferenced"
            )
        ]


class ThrottleCount(models.Model):
    """How often `key` was used in the window that began at `since`. Keys are digests, never an address or a
    name.
    """

    key = models.CharField(max_length=80, primary_key=True)
    since = models.DateTimeField()
    count = models.PositiveIntegerField()


class CalendarYear(models.Model):
    """A year whose holidays and make-up days have been announced. A year without a row is provisional: of it
    only the weekends are known.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    year = models.PositiveSmallIntegerField(unique=True)
    source = models.CharField(max_length=200)  # the notice that announced it


class CalendarDay(models.Model):
    """A day that is not what its weekday says: a holiday in the week, or a weekend day worked to make up."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    day = models.DateField(unique=True)
    working = models.BooleanField()
    name = models.CharField(max_length=40)  # of the holiday it belongs to


class Due(models.Model):
    """What is to happen at a moment: at most one for a kind and a subject, moved as the moment moves. The row
    goes when it has fired (kernel.timers).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=40)  # names who fires it: "case.clock"
    subject = models.UUIDField()  # of what: a matter
    at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, default="", blank=True)  # the class of the error
    stuck_at = models.DateTimeField(null=True)  # gave up until a person looks

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="due_once")]
        indexes = [
            models.Index(fields=["at", "id"], condition=models.Q(stuck_at=None), name="due_next"),
        ]


class Job(models.Model):
    """Work that somebody asked for and waits on: a workbook read, a town's plates drawn. What goes in and what comes
    out is private to who asked, and goes with the row when it expires (kernel.jobs)."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=60)  # names who does it: "territory.plates"
    asked_by = models.UUIDField()  # the user
    language = models.CharField(max_length=10)  # in which it answers
    params = models.JSONField(default=dict)  # ids and codes only, nothing personal
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    saying = models.CharField(max_length=120, blank=True, default="")  # what it is doing
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    verdict = models.TextField(blank=True, default="")  # how it ended, in words
    back = models.CharField(max_length=300, blank=True, default="")  # the page to go on from
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)  # after which a killed worker's job is taken up again
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["asked_at"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="job_to_do",
            ),
            models.Index(fields=["expires_at"], name="job_by_expiry"),
        ]


class JobFile(models.Model):
    """The file that a job was given, or made."""

    class Side(models.TextChoices):
        GIVEN = "given"
        MADE = "made"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="files")
    side = models.CharField(max_length=5, choices=Side)
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=100)
    content = models.BinaryField()  # the suite's envelope

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "side"], name="job_file_once_a_side")]
