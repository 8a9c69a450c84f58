"""Categories, their limits, and the case itself."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from xiangli.cases.states import Channel, EvidenceRule, Intake, Outcome
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
    clock = models.CharField(max_length=20, choices=[("respond", "respond"), ("put_right", "put right")])
    minutes = models.PositiveIntegerField()
    valid_from = models.DateField()
    source = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["category", "clock", "valid_from"], name="limit_once_a_day")
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
    confirmed_at = models.DateTimeField(null=True)
    reopened = models.PositiveSmallIntegerField(default=0)
    rating = models.PositiveSmallIntegerField(null=True)  # 1 to 5

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="case_rating_one_to_five", condition=Q(rating=None) | Q(rating__gte=1, rating__lte=5)
            ),
        ]
