"""The matter and what hangs on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Value
from django.db.models.functions import Coalesce

from xiangli.kernel.clocks import Kind
from xiangli.kernel.ids import new_id
from xiangli.matters.rules import is_place
from xiangli.matters.states import GrantKind, LinkKind, PhotoRole, Stage, Visibility

if TYPE_CHECKING:
    from xiangli.territory.queries import Actor

M = TypeVar("M", bound=models.Model)


# By how many labels of its path a place is looked up: county, town, village, and its grid or lane. What lies deeper (a
# lane of a grid) is read within that, and what lies higher (a prefecture) among all.
PLACE_KEYS: Final = (3, 4, 5, 6)


class FirstLabels(Func):
    """The first `count` labels of a path, each closed by "/"; NULL where it has fewer. Of an index's rows this is
    a key: matters of one town stand together in it, in the order of the list that pages through them."""

    function = "substring"
    template = "%(function)s(%(expressions)s from '^(?:[^/]+/){%(count)s}')"
    output_field = models.CharField(max_length=120, db_collation="C")


class InPlace(models.QuerySet[M]):
    """Rows with a `place_path`."""

    def in_place(self, path: str) -> Self:
        """Rows of one unit and of all below it, by a key of which an index can read them in order."""
        labels = path.split("/")[:-1]
        count = min(len(labels), PLACE_KEYS[-1])
        if count < PLACE_KEYS[0]:
            return self.filter(place_path__startswith=path)
        key = f"place_{count}"
        rows = self.alias(**{key: FirstLabels("place_path", count=count)})
        rows = rows.filter(**{key: "".join(f"{label}/" for label in labels[:count])})
        return rows if count == len(labels) else rows.filter(place_path__startswith=path)


class MatterQuerySet(InPlace["Matter"]):
    def visible_to(self, actor: Actor) -> MatterQuerySet:
        """The one fence: the territory of the actor's posts (ordinary matters), plus grants written on the
        matter, minus the matters the actor is a subject of. An actor without posts sees nothing. One
        statement, whatever the rows."""
        if not actor.held:
            return self.none()
        fence = _Fence(actor)
        return self.filter(fence.territory | Q(fence.granted)).exclude(fence.subject)

    def visible_parts(self, actor: Actor, *, within: str = "", closed: bool = False) -> list[MatterQuerySet]:
        """What `visible_to` lets through of the open (or `closed`) matters of the unit at `within`, in parts that
        share no row: one for each territory, one for the grants. An index reads a part in the order of a list; of the
        whole, where one condition stands beside another, a page would have every row of the scope sorted."""
        if not actor.held:
            return []
        rows, fence = self.filter(closed_at__isnull=not closed), _Fence(actor)
        ordinary = rows.filter(visibility=Visibility.ORDINARY)
        # Closed ones have the key in an index; of open ones the planner would know nothing by it.
        parts = [
            ordinary.in_place(path) if closed else ordinary.filter(_below(path))
            for path in self.places_of(actor, within=within)
        ]
        granted = rows.filter(fence.granted).exclude(fence.territory)
        parts.append(granted.filter(place_path__startswith=within) if within else granted)
        return [part.exclude(fence.subject) for part in parts]

    @staticmethod
    def places_of(actor: Actor, *, within: str = "") -> list[str]:
        """The shortest paths that cover what of the unit at `within` lies in the actor's territory."""
        paths = actor.scope_paths
        if any(within.startswith(path) for path in paths):
            return [within]
        return [path for path in paths if path.startswith(within)]

    @staticmethod
    def granted_to(actor: Actor, key: str = "pk") -> Func:
        """Whether the matter of the row is one that a grant names to the actor, whose `key` it is."""
        return among(
            MatterGrant.objects.filter(ended_at=None).filter(
                Q(user=actor.user_id)
                | Q(seat__in=actor.seats)  # a person, or the post of a unit, whoever holds it
            ),
            key,
        )

    def public_in(self, unit_path: str) -> MatterQuerySet:
        """What a neighbour may count and see of (category, lane, state, age): ordinary matters of a place."""
        return self.filter(visibility=Visibility.ORDINARY, place_path__startswith=unit_path)

    def open(self) -> MatterQuerySet:
        return self.filter(closed_at=None)


class _Fence:
    """What an actor sees, and what stands against it."""

    def __init__(self, actor: Actor) -> None:
        inside = Q(pk__in=[])
        for path in actor.scope_paths:
            inside |= Q(place_path__startswith=path)
        self.territory = Q(visibility=Visibility.ORDINARY) & inside
        self.granted = MatterQuerySet.granted_to(actor)
        self.subject = Exists(MatterSubject.objects.filter(matter=OuterRef("pk"), user=actor.user_id))


def _below(path: str) -> Func:
    """Whether a matter lies at or below `path`, which is written into the statement: whether the few of a lane are
    sorted, or the many of a county walked through in order, hangs on it, and of a parameter the planner knows nothing
    once the statement is prepared."""
    if not is_place(path):
        raise ValueError(f"{path!r} is no path of a place")
    return Func("place_path", template=f"(%(expressions)s ^@ '{path}')", output_field=models.BooleanField())


def among(grants: models.QuerySet[MatterGrant], key: str = "pk") -> Func:
    """Whether the matter is one of those granted. As an array, which is read once and looked up by the key:
    with EXISTS beside OR, no index of the places could be used, and a lane head's list read the whole county."""
    return Func(
        key,
        ArraySubquery(grants.values("matter")),
        template="%(expressions)s)",
        arg_joiner=" = ANY (",
        output_field=models.BooleanField(),
    )


class Matter(models.Model):
    """One matter of any workflow. The row is the lock: an action takes it first, and the chain of events
    hangs on it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.BigIntegerField(
        unique=True,
        editable=False,
        db_default=Func(Value("matters_number"), function="nextval", output_field=models.BigIntegerField()),
    )
    county = models.ForeignKey("territory.Unit", on_delete=models.PROTECT, related_name="+")
    workflow = models.SlugField(max_length=30)  # "case"
    topic = models.SlugField(max_length=60)  # what it is about, in the workflow's own codes
    state = models.SlugField(max_length=30)
    visibility = models.CharField(max_length=10, choices=Visibility)
    title = models.CharField(max_length=80)  # the first words; neutral where the matter is not ordinary
    danger = models.BooleanField(default=False)

    place = models.ForeignKey("territory.Unit", on_delete=models.PROTECT, related_name="+")
    place_path = models.CharField(max_length=120, db_collation="C")  # the unit's, which never changes
    # the place's on the day of the report: where units were merged since, what was reported stands under the old ones
    reported_path = models.CharField(max_length=120, db_collation="C", blank=True, default="", db_default="")
    lat = models.FloatField(null=True)
    lng = models.FloatField(null=True)
    off_map = models.BooleanField(
        default=False
    )  # the point lay outside every unit: the nearest one's desk has it
    place_name = models.CharField(max_length=80)  # as people say it, and said on the day: "庙上村 二巷"
    place_note = models.CharField(max_length=120, blank=True, default="")

    # who has the ball: the post of a unit (a seat), and the person who took it
    holder_unit = models.ForeignKey("territory.Unit", on_delete=models.PROTECT, related_name="+")
    holder_post = models.ForeignKey(
        "territory.Post", null=True, on_delete=models.PROTECT, related_name="+"
    )  # null: the outside organ
    holder_seat = models.CharField(max_length=80, db_collation="C")  # "<unit uuid>:<post uuid>", or "outside"
    handler = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    alarm = models.CharField(
        max_length=20, blank=True, default=""
    )  # why it did not go where it should: "vacant", "off_map"

    next_clock = models.CharField(max_length=20, blank=True, default="")  # "respond", "put_right"
    next_clock_at = models.DateTimeField(null=True)
    next_amber_at = models.DateTimeField(null=True)  # when four fifths of that clock are gone
    # by what lists of open matters are sorted: the clock, and after all clocks what has none; never null, so that it can page by key
    due_at = models.GeneratedField(
        expression=Coalesce("next_clock_at", Value(datetime(9999, 1, 1, tzinfo=UTC))),
        output_field=models.DateTimeField(),
        db_persist=True,
    )
    me_too = models.PositiveIntegerField(default=0)
    reported_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    # rises with each transition: a form of an older turn is refused
    turn = models.PositiveIntegerField(default=0)
    event_seq = models.PositiveIntegerField(default=0)  # the head of this matter's chain in the ledger
    event_head = models.BinaryField(max_length=32, default=b"\0" * 32)

    objects = MatterQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="matter_clock_named",
                condition=Q(next_clock="", next_clock_at=None)
                | ~Q(next_clock="") & Q(next_clock_at__isnull=False),
            ),
        ]
        indexes = [
            # figures of a period read the period; reports come in the order of time, so a summary of blocks will do
            BrinIndex(fields=["reported_at"], autosummarize=True, name="matter_by_report"),
            models.Index(fields=["closed_at"], condition=Q(closed_at__isnull=False), name="matter_by_close"),
            # open matters are few: a wide scope reads them by clock, a narrow one by place
            models.Index(fields=["due_at", "id"], condition=Q(closed_at=None), name="matter_open_by_clock"),
            models.Index(fields=["place_path"], condition=Q(closed_at=None), name="matter_open_by_place"),
            models.Index(
                fields=["holder_seat", "due_at"],
                condition=Q(closed_at=None),
                name="matter_open_by_seat",
            ),
            models.Index(
                fields=["handler"],
                condition=Q(closed_at=None, handler__isnull=False),
                name="matter_open_by_handler",
            ),
            # Closed ones are many: a page reads one stretch of the index of its county, town, village or lane, in the
            # order of closing (`changed_at` is that moment for a closed one, and never null, so it pages). They
            # are entered when a matter closes; a report does not pay for them.
            models.Index(
                fields=["-changed_at", "-id"],
                condition=Q(closed_at__isnull=False),
                name="matter_closed_by_time",
            ),
            *(
                models.Index(
                    FirstLabels("place_path", count=count),
                    F("changed_at").desc(),
                    F("id").desc(),
                    condition=Q(closed_at__isnull=False),
                    name=f"matter_closed_by_place_{count}",
                )
                for count in PLACE_KEYS
            ),
            models.Index(
                fields=["handler", "-changed_at", "-id"],
                condition=Q(closed_at__isnull=False, handler__isnull=False),
                name="matter_closed_by_handler",
            ),
            models.Index(
                fields=["place_path"], condition=Q(closed_at__isnull=False), name="matter_closed_by_place"
            ),
        ]

    def __str__(self) -> str:
        return str(self.number)


class MatterGrant(models.Model):
    """Somebody outside the territory may see and act: a person, or whoever holds a seat (the post of a
    unit)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    matter = models.ForeignKey(Matter, on_delete=models.CASCADE, related_name="grants")
    kind = models.CharField(max_length=12, choices=GrantKind)
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    seat = models.CharField(max_length=80, blank=True, default="", db_collation="C")
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="grant_to_one",
                condition=(Q(user=None) & ~Q(seat="")) | (Q(user__isnull=False) & Q(seat="")),
            )
        ]
        indexes = [
            models.Index(
                fields=["seat", "matter"], condition=Q(ended_at=None) & ~Q(seat=""), name="grant_by_seat"
            ),
            models.Index(
                fields=["user", "matter"],
                condition=Q(ended_at=None, user__isnull=False),
                name="grant_by_user",
            ),
        ]


class MatterSubject(models.Model):
    """A person the matter is about: neither sees nor handles it, through any post."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    matter = models.ForeignKey(Matter, on_delete=models.CASCADE, related_name="subjects")
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["matter", "user"], name="subject_once")]


class Receipt(models.Model):
    """What binds a reporter to the matter: the query code they hold, and how they may be reached.

    The code is derived by a keyed HMAC from the id that the reporter's phone made, and is not stored: a
    resend finds the same digest, and nobody who can read the database, or a matter's address, can make the
    code. The contact is encrypted and opened only by `reveal_contact`, which leaves an event.
    """

    matter = models.OneToOneField(Matter, primary_key=True, on_delete=models.CASCADE, related_name="receipt")
    code_digest = models.BinaryField(max_length=32, unique=True)
    contact = models.BinaryField(null=True)  # the suite's envelope over JSON {"name", "phone"}


class MatterPhoto(models.Model):
    """A photo of a matter and what it shows."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    matter = models.ForeignKey(Matter, on_delete=models.CASCADE, related_name="photos")
    file = models.ForeignKey("kernel.StoredFile", on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=8, choices=PhotoRole)
    event = models.UUIDField()  # the ledger event that brought it
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "position"], name="photo_position_once")]


class MatterLink(models.Model):
    """Lineage: `matter` came from, repeats, or was merged into `other`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    matter = models.ForeignKey(Matter, on_delete=models.CASCADE, related_name="links")
    other = models.ForeignKey(Matter, on_delete=models.PROTECT, related_name="back_links")
    kind = models.CharField(max_length=12, choices=LinkKind)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["matter", "other", "kind"], name="link_once")]


class MatterClock(models.Model):
    """A clock of a matter: how long something may take, since when it runs, when it is due. It runs on
    through every edit; a pause moves `due_at`, and while one lasts there is none.

    The limit stands in the row with its source: a matter is judged by the rule in force when the clock began.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    matter = models.ForeignKey(Matter, on_delete=models.CASCADE, related_name="clocks")
    name = models.CharField(max_length=20)  # "respond", "put_right"; the workflow's own words
    about = models.UUIDField(null=True)  # of which order or part, where several of one name may run
    amount = models.PositiveIntegerField()  # with what extensions have added
    kind = models.CharField(
        max_length=14, choices=[(kind.value, kind.value) for kind in Kind]
    )  # what `amount` counts
    extended = models.PositiveIntegerField(default=0)  # how much of `amount` extensions are
    source = models.CharField(max_length=200)
    provisional = models.BooleanField(default=False)  # counted over a year whose holidays are not announced
    started_at = models.DateTimeField()
    pauses = models.JSONField(
        default=list
    )  # [[from, to]], ISO 8601 in UTC; the last `to` null while it lasts
    due_at = models.DateTimeField(null=True)
    amber_at = models.DateTimeField(null=True)  # when four fifths are gone
    stage = models.CharField(max_length=8, choices=Stage, default=Stage.GREEN)
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="clock_amount_positive", condition=Q(amount__gt=0)),
            models.UniqueConstraint(
                fields=["matter", "name", "about"],
                condition=Q(stopped_at=None),
                nulls_distinct=False,
                name="clock_once_live",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(stopped_at=None, provisional=True), name="clock_provisional"
            ),
        ]


class MeToo(models.Model):
    """Somebody else saw the same. The id is made by the phone: pressing twice counts once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    matter = models.ForeignKey(Matter, on_delete=models.CASCADE, related_name="me_toos")
    at = models.DateTimeField()
    contact = models.BinaryField(null=True)  # as on a receipt: whoever leaves one is told how it ended


class SearchText(models.Model):
    """By what an ordinary matter is found: pairs of characters of its words and places (rules.pairs). Written
    after the report, by the worker; emptied with the words it was made of. Private and sealed matters have none.
    """

    matter = models.OneToOneField(
        Matter, primary_key=True, on_delete=models.CASCADE, related_name="search_text"
    )
    number = models.BigIntegerField(unique=True)  # the matter's: by which results are ordered, newest first
    place_path = models.CharField(max_length=120, db_collation="C")  # the matter's when this was written
    words = SearchVectorField()
    whole = models.BooleanField()  # with the reporter's words; False: they were erased

    objects = InPlace.as_manager()

    class Meta:
        indexes = [
            # What waits to be put in is read by every search: it is kept short (kilobytes).
            GinIndex(fields=["words"], gin_pending_list_limit=256, name="search_by_words"),
            *(
                models.Index(
                    FirstLabels("place_path", count=count),
                    F("number").desc(),
                    name=f"search_by_place_{count}",
                )
                for count in PLACE_KEYS
            ),
        ]


class SavedFilter(models.Model):
    """A choice of the queue that somebody gave a name to: theirs alone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500)  # as it stands in the address
    at = models.DateTimeField()  # when it was saved

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="filter_name_once")]
