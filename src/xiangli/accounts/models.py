"""Users, enrolment links and enrolled devices."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import make_password
from django.db import models

from xiangli.kernel.ids import new_id


class UserManager(BaseUserManager["User"]):
    def create_user(
        self,
        *,
        display_name: str,
        username: str | None = None,
        password: str | None = None,
        is_demo: bool = False,
    ) -> "User":
        """A user; without a password nobody can sign in by name until an enrolment link is used or a
        password set."""
        user = self.model(
            display_name=display_name,
            username=username.lower() if username else None,
            is_demo=is_demo,
            password=make_password(password),
        )
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username=(username or "").lower())


class User(AbstractBaseUser):
    """A member of staff. Rights come from appointments alone, so there are no groups, flags or superusers
    here."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    last_login = None  # leaves Django's column out: when somebody works is not kept
    username = models.CharField(max_length=60, unique=True, null=True, blank=True)  # in small letters
    display_name = models.CharField(max_length=60)
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)  # exists on loopback only (rights.md)
    require_second_factor = models.BooleanField(default=False)  # written by territory from the post
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["display_name"]

    def __str__(self) -> str:
        return self.display_name


class Enrolment(models.Model):
    """A one-time link that makes a phone a person's own. Only a digest of its token is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="enrolments")
    token_digest = models.BinaryField(max_length=32, unique=True)
    # null: on the command line
    issued_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class Device(models.Model):
    """An enrolled phone. It stays signed in; its PIN is asked again before personal fields."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    label = models.CharField(max_length=80)  # "Android, Chrome": what the person recognises in the list
    key_digest = models.BinaryField(max_length=32, unique=True)  # of the secret in the phone's cookie
    pin = models.CharField(max_length=128)  # argon2
    pin_failures = models.PositiveSmallIntegerField(default=0)  # in a row; the fifth ends the enrolment
    enrolled_at = models.DateTimeField()
    seen_on = models.DateField()  # a date, not a track (rights.md)
    revoked_at = models.DateTimeField(null=True)
