"""Categories, their limits, and the case itself."""

from datetime import UTC, datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce

from xiangli.cases.states import Channel, ClockName, EvidenceRule, Intake, Outcome
from xiangli.kernel.clocks import Kind
from xiangli.kernel.ids import new_id
from xiangli.matters.states import Visibility


class Category(models.Model):
    """What a report is about. Rows, not code: a county adds its own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60)
    hint = models.CharField(max_length=120, blank=True, default="")
    hint_en = models.CharField(max_length=200, blank=True, default="")
    duty = models.SlugField(max_length=40)  # who answers: territory asks for the post with this duty
    intake = models.CharField(max_length=10, choices=Intake, default=Intake.OPEN)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.ORDINARY)
    evidence = models.CharField(max_length=12, choices=EvidenceRule, default=EvidenceRule.NONE)
    verify = models.BooleanField(default=False)  # somebody else checks before it counts as resolved
    # of a hundred that need no check, how many are checked all the same: drawn by chance, so that nobody knows which
    verify_share = models.PositiveSmallIntegerField(default=10)
    danger = models.BooleanField(default=False)
    public = models.BooleanField(
        default=False
    )  # neighbours may see category, lane, state and age; never of what is about persons
    hotlines = ArrayField(
        models.CharField(max_length=20), default=list, blank=True
    )  # numbers shown above the form, or instead of it
    order = models.PositiveSmallIntegerField(default=100)

    class Meta:
        constraints = [
            # sealed categories stay closed until the fence, the look-up register and their tests stand
            # (see the residents' rights)
            models.CheckConstraint(
                name="category_sealed_is_closed", condition=~Q(visibility="sealed") | Q(intake="closed")
            ),
            models.CheckConstraint(
                name="category_public_is_ordinary", condition=Q(public=False) | Q(visibility="ordinary")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Net(models.Model):
    """A topic that cuts across the categories (多网合一): one grid serves them all, and what is reported once
    stands in each net of its category. Of places and things; no net lists persons (rights.md)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60)
    categories = ArrayField(models.SlugField(max_length=60), default=list)  # codes
    order = models.PositiveSmallIntegerField(default=100)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="net_dates_in_order", condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from"))
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Hotline(models.Model):
    """A public telephone number that stands open beside, or instead of, a report."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60)
    order = models.PositiveSmallIntegerField()


class Limit(models.Model):
    """How long a step may take for a category, from a day on, with its source. A case is judged by the row
    in force on its day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="limits")
    clock = models.CharField(max_length=20, choices=ClockName)
    amount = models.PositiveIntegerField()
    kind = models.CharField(max_length=14, choices=[(kind.value, kind.value) for kind in Kind])
    valid_from = models.DateField()
    source = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["category", "clock", "valid_from"], name="limit_once_a_day"),
            models.CheckConstraint(name="limit_positive", condition=Q(amount__gt=0)),
        ]


class Case(models.Model):
    """What the closed loop adds to a matter. All words (of the report, the resolution, the evaluation)
    stand once, in the payloads of the matter's events."""

    matter = models.OneToOneField(
        "matters.Matter", primary_key=True, on_delete=models.CASCADE, related_name="case"
    )
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel)
    reported_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+"
    )  # staff; null: a resident
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True, default="")
    resolved_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True)
    # code of the level of the unit whose seat resolved it; "" until then. A figure, never a gate
    settled_level = models.SlugField(max_length=40, blank=True, default="", db_index=False)
    arrived_at = models.DateTimeField(null=True)  # the first time somebody was on the spot: 到场
    confirmed_at = models.DateTimeField(null=True)
    # after closing, until when the reporter may confirm or reopen; silence reads "closed, unconfirmed"
    confirm_until = models.DateTimeField(null=True)
    nudged_on = models.DateField(null=True)  # once a day: 催办
    given_by = models.CharField(max_length=80, blank=True, default="", db_collation="C")  # seat it came from
    free_choices = models.PositiveSmallIntegerField(default=0)  # given to another than the list names
    reopened = models.PositiveSmallIntegerField(default=0)
    rating = models.PositiveSmallIntegerField(null=True)  # 1 to 5

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="case_rating_one_to_five", condition=Q(rating=None) | Q(rating__gte=1, rating__lte=5)
            ),
        ]


class Part(models.Model):
    """A seat's share in a case that several handle together: 协同. One of them leads: the case's holder."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="parts")
    unit = models.ForeignKey("territory.Unit", on_delete=models.PROTECT, related_name="+")
    post = models.ForeignKey("territory.Post", on_delete=models.PROTECT, related_name="+")
    seat = models.CharField(max_length=80, db_collation="C")
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "seat"], condition=Q(done_at=None), name="part_once_a_seat"
            )
        ]


class Order(models.Model):
    """A supervision order: whoever holds the case answers it within its own time: 督办."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="orders")
    by_seat = models.CharField(max_length=80, db_collation="C")
    by_user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    ordered_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "by_seat"], condition=Q(answered_at=None), name="order_once_a_seat"
            )
        ]


class Extension(models.Model):
    """More time, asked for by the handler and decided by somebody in a post above: 延期."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="extensions")
    days = models.PositiveSmallIntegerField()
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    approved = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(decided_at=None), name="extension_one_asked"
            ),
            models.CheckConstraint(
                name="extension_decided_whole",
                condition=Q(decided_at=None, decided_by=None, approved=None)
                | Q(decided_at__isnull=False, decided_by__isnull=False, approved__isnull=False),
            ),
        ]


class Responsibility(models.Model):
    """One line of a county's list of responsibilities (权责清单): for a category reported in a unit of a level,
    the post that answers (the nearest one above the place), or the organ. A case is routed by the line in force
    on its day; where there is none, by the category's duty."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    county = models.ForeignKey("territory.Unit", on_delete=models.PROTECT, related_name="+")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    level = models.SlugField(max_length=40)  # of the place
    post = models.ForeignKey("territory.Post", on_delete=models.PROTECT, related_name="+")
    organ = models.ForeignKey("territory.Unit", null=True, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)
    source = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="responsibility_dates_in_order",
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
            ),
            ExclusionConstraint(
                name="responsibility_one_a_day",
                expressions=[
                    ("county", RangeOperators.EQUAL),
                    ("category", RangeOperators.EQUAL),
                    ("level", RangeOperators.EQUAL),
                    (Func("valid_from", "valid_to", function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]


class OrderSource(models.Model):
    """A platform that hands matters to a county, and is answered: 12345, a superior one. With a token it sends
    them by itself; the token stands nowhere, only its digest."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    county = models.ForeignKey("territory.Unit", on_delete=models.PROTECT, related_name="+")
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=40)
    token_digest = models.BinaryField(max_length=32, null=True, unique=True)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # its orders stay, new ones are refused

    class Meta:
        constraints = [models.UniqueConstraint(fields=["county", "code"], name="source_code_once")]


class ExternalOrder(models.Model):
    """A matter that came from another platform, under the number that it bears there. Its reply is due once the
    matter is closed, and again when it closed anew after the reply."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.ForeignKey(OrderSource, on_delete=models.PROTECT, related_name="orders", db_index=False)
    number = models.CharField(max_length=60, db_collation="C")  # there
    matter = models.OneToOneField("matters.Matter", on_delete=models.CASCADE, related_name="external_order")
    deadline = models.DateTimeField(null=True)  # the platform's own; may have passed when the order came
    # by what lists are sorted: the deadline, and after all of them what has none
    due_at = models.GeneratedField(
        expression=Coalesce("deadline", Value(datetime(9999, 1, 1, tzinfo=UTC))),
        output_field=models.DateTimeField(),
        db_persist=True,
    )
    received_at = models.DateTimeField()
    replied_at = models.DateTimeField(null=True)  # when the reply was last taken away
    replied_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "number"], name="order_number_once")]
        indexes = [
            models.Index(fields=["due_at", "id"], name="order_by_deadline"),
            models.Index(fields=["received_at", "id"], name="order_by_arrival"),
        ]
