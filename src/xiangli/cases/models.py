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
    hotlines = ArrayField(models.CharField(max_length=80), default=list, blank=True)  # codes shown instead of, or above, the form
    order = models.PositiveSmallIntegerField(default=100)

    class Meta:
        constraints = [
            # sealed categories stay closed until the fence, the look-up register and their tests stand (rights.md)
            models.CheckConstraint(name="category_sealed_is_closed", condition=~Q(visibility="sealed") | Q(intake="closed"))
        ]

    def __str__(self) -> str:
        return self.name


class Limit(models.Model):
    """How long a step may take for a category, from a day on, with its source. A case is judged by the row in force on its day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="limits")
    clock = models.CharField(max_length=20, choices=[("respond", "respond"), ("put_right", "put right")])
    minutes = models.PositiveIntegerField()
    valid_from = models.DateField()
    source = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["category", "clock", "valid_from"], name="limit_once_a_day")]


class Case(models.Model):
    """What the closed loop adds to a matter."""

    matter = models.OneToOneField("matters.Matter", primary_key=True, on_delete=models.CASCADE, related_name="case")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel)
    words = models.TextField(blank=True, default="")  # of an ordinary matter; up to 2,000 characters
    words_sealed = models.BinaryField(null=True)  # of a private or sealed one: the suite's envelope
    reported_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")  # staff; null: a resident
    resolution = models.TextField(blank=True, default="")  # what was done, as told to the reporter
    feedback = models.TextField(blank=True, default="")  # the closing words to the reporter
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True, default="")
    resolved_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    reopened = models.PositiveSmallIntegerField(default=0)
    rating = models.PositiveSmallIntegerField(null=True)  # 1 to 5
    evaluation = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(name="case_rating_one_to_five", condition=Q(rating=None) | Q(rating__gte=1, rating__lte=5)),
            models.CheckConstraint(name="case_words_in_one_place", condition=Q(words_sealed=None) | Q(words="")),
        ]
