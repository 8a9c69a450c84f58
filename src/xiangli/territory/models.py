"""Units, levels, posts, appointments. Levels and titles are rows, because the counties' trees differ."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from xiangli.kernel.ids import new_id
from xiangli.territory.fields import PolygonField


class Scheme(models.Model):
    """A template of levels and posts, such as "county, town, village, grid, lane"; a county follows one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    name_en = models.CharField(max_length=80)


class Level(models.Model):
    """One level of a scheme. Levels form a tree, so that a scheme can hold lanes and, beside them, estates
    with buildings."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scheme = models.ForeignKey(Scheme, on_delete=models.PROTECT, related_name="levels")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    code = models.SlugField(max_length=40)  # "county", "town", "village", "grid", "lane", "estate"
    rank = models.PositiveSmallIntegerField()  # 1 = county; deeper is larger
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=40)
    has_plate = models.BooleanField(default=False)  # units of this level carry a public plate

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scheme", "code"], name="level_once_in_scheme")]


class UnitKind(models.TextChoices):
    PLACE = "place"
    ORGAN = "organ"


class Unit(models.Model):
    """A dated unit. It is in force from `valid_from` until the day before `valid_to`; its path never changes.

    `path` is one label a level, each closed by "/"; scope is a prefix of it. Statutory codes give the
    labels down to the village, from the province on: "14/08/21/201/206/02/" is the second lane of village
    140821201206.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=8, choices=UnitKind, default=UnitKind.PLACE)
    # null above the county; a county names itself
    county = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="children", db_index=False
    )
    # null: an organ, or above the county
    level = models.ForeignKey(
        Level, null=True, on_delete=models.PROTECT, related_name="units", db_index=False
    )
    path = models.CharField(max_length=120, unique=True, db_collation="C")
    # statutory (GB/T 2260 and onward), where there is one
    code = models.CharField(max_length=20, blank=True, default="")
    name = models.CharField(max_length=80)  # the full, official one: "北姚村委会"
    short_name = models.CharField(max_length=80)  # as people say it: "北姚村"
    name_en = models.CharField(max_length=120, blank=True, default="")
    plate_code = models.CharField(max_length=12, null=True)
    lat = models.FloatField(null=True)  # a point inside, degrees, WGS-84
    lng = models.FloatField(null=True)
    is_pseudo = models.BooleanField(default=False)  # a prison, farm or zone that has a unit's code
    is_synthetic = models.BooleanField(default=False)  # made for the demo, not a real unit
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="unit_dates_in_order", condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from"))
            ),
            models.CheckConstraint(name="unit_path_closed", condition=Q(path__endswith="/")),
            models.UniqueConstraint(
                name="unit_plate_once", fields=["plate_code"], condition=Q(plate_code__isnull=False)
            ),
            # One unit in force per statutory code: codes are used again after a merge. Where the next unit
            # is opened before the last one ended, `open_unit` compares the dates: an exclusion constraint
            # here made a COPY of the country's 665,276 units last 73 s instead of 22 s.
            models.UniqueConstraint(
                name="unit_code_once_open", fields=["code"], condition=Q(valid_to=None) & ~Q(code="")
            ),
        ]
        # Nothing reads units by county or level alone: a scope is a prefix of the path.
        indexes = [models.Index(fields=["parent", "path"], name="unit_children")]

    def __str__(self) -> str:
        return self.short_name


class Succession(models.Model):
    """`successor` took over from `predecessor` on `on`: a merge has several predecessors, a split several
    successors."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    predecessor = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="successions")
    successor = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["predecessor", "successor"], name="succession_once")]


class Boundary(models.Model):
    """The ground of a unit, one ring. `source` says where it is from, `synthetic` that it was made up."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.CASCADE, related_name="boundary")
    ring = PolygonField()
    # of the unit's level: the deepest that holds a point is its unit
    rank = models.PositiveSmallIntegerField()
    source = models.CharField(max_length=120)
    synthetic = models.BooleanField()


class County(models.Model):
    """What a county decides once: its scheme, and the organ outside it that answers when everybody inside
    is a subject."""

    unit = models.OneToOneField(Unit, primary_key=True, on_delete=models.PROTECT, related_name="profile")
    scheme = models.ForeignKey(Scheme, on_delete=models.PROTECT, related_name="counties")
    outside_organ = models.CharField(max_length=80)
    outside_phone = models.CharField(max_length=20)
    hotline = models.CharField(max_length=20, default="12345")
    # when desks are staffed on working days, "08:00-12:00 14:30-18:00": what duty hours are counted in
    duty_hours = models.CharField(max_length=60, default="08:00-12:00 14:30-18:00")
    # when nobody is rung or written to, but for danger: "22:00-07:00"
    quiet_hours = models.CharField(max_length=20, default="22:00-07:00")


class Post(models.Model):
    """A post such as "lane head": the levels it stands on, the duties it answers, the permissions it
    grants."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scheme = models.ForeignKey(Scheme, on_delete=models.PROTECT, related_name="posts")
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60)
    levels = ArrayField(models.SlugField(max_length=40))  # codes of levels it may stand on
    duties = ArrayField(models.SlugField(max_length=40), default=list)  # what it answers for
    permissions = ArrayField(models.SlugField(max_length=60), default=list)  # verbs: "take_case"
    single = models.BooleanField(default=True)  # one holder at a time in a unit
    on_plate = models.BooleanField(default=False)
    # on plates and boards, and between posts of one unit with the same duty
    order = models.PositiveSmallIntegerField(default=100)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scheme", "code"], name="post_once_in_scheme")]


class DutyNumber(models.Model):
    """The telephone on which a post of a unit is on duty: never a private number."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="duty_numbers")
    post = models.ForeignKey(Post, on_delete=models.PROTECT, related_name="+")
    phone = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit", "post"], name="duty_number_once")]


class Standing(models.TextChoices):
    HOLDER = "holder"
    DEPUTY = "deputy"


class Appointment(models.Model):
    """`user` holds `post` in `unit` from `valid_from` until the day before `valid_to`, as its holder or as
    a deputy."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="appointments")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="appointments")
    post = models.ForeignKey(Post, on_delete=models.PROTECT, related_name="appointments")
    standing = models.CharField(max_length=8, choices=Standing, default=Standing.HOLDER)
    single = models.BooleanField()  # copied from the post, so that the constraint below can read it
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="appointment_dates_in_order",
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
            ),
            ExclusionConstraint(
                name="appointment_one_holder",
                expressions=[
                    ("unit", RangeOperators.EQUAL),
                    ("post", RangeOperators.EQUAL),
                    (Func("valid_from", "valid_to", function="daterange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(standing="holder", single=True),
            ),
            ExclusionConstraint(
                name="appointment_once_a_person",
                expressions=[
                    ("unit", RangeOperators.EQUAL),
                    ("post", RangeOperators.EQUAL),
                    ("user", RangeOperators.EQUAL),
                    (Func("valid_from", "valid_to", function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [models.Index(fields=["user", "valid_from"], name="appointment_by_user")]


class Absence(models.Model):
    """The person of an appointment is away from `starts` until `ends` (null: until further notice); the
    deputy answers."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="absences")
    starts = models.DateTimeField()
    ends = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="absence_in_order", condition=Q(ends=None) | Q(ends__gt=F("starts")))
        ]


class OnCall(models.Model):
    """`user` answers for danger in the seat (`unit`, `post`) from `starts` until `ends`, at any hour: a cover by
    the hour beside appointments, which go by the day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="on_call")
    post = models.ForeignKey(Post, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="on_call")
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)  # taken off the roster before its time

    class Meta:
        constraints = [
            models.CheckConstraint(name="on_call_in_order", condition=Q(ends__gt=F("starts"))),
        ]
        indexes = [
            models.Index(fields=["unit", "ends"], condition=Q(ended_at=None), name="on_call_by_unit"),
            models.Index(fields=["user", "ends"], condition=Q(ended_at=None), name="on_call_by_user"),
        ]


class Figure(models.Model):
    """A figure of a unit on a day, with its source: households, lanes, people as the yearbook counts them. A newer
    one of the same name stands beside the older: 县情."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="figures")
    name = models.CharField(max_length=40)  # "户数"
    value = models.DecimalField(max_digits=16, decimal_places=2)
    measure = models.CharField(max_length=20)  # "户"
    as_of = models.DateField()
    source = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit", "name", "as_of"], name="figure_once_a_day")]


class PrintKind(models.TextChoices):
    PLATE = "plate"
    BOARD = "board"


class PlatePrint(models.Model):
    """What was printed last for the wall of a unit: today's content with another digest is out of date."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="prints")
    kind = models.CharField(max_length=8, choices=PrintKind)
    digest = models.BinaryField(max_length=32)  # SHA-256 of what stands on it
    printed_at = models.DateTimeField()
    printed_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit", "kind"], name="plate_print_last")]
