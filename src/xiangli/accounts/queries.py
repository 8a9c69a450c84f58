"""Shared readers of accounts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, Subquery

from xiangli.accounts.models import Device, Enrolment, User

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet


def digest(secret: str) -> bytes:
    """What is kept of a token or a phone's secret: both are 32 random bytes, so a plain hash is enough."""
    return sha256(secret.encode()).digest()


def demo_people_exist() -> bool:
    """Whether invented people with known passwords are in the database: such a database is served on
    loopback only."""
    return User.objects.filter(is_demo=True).exists()


def live_device(secret: str) -> Device | None:
    """The enrolled phone of a secret, with its user, in one statement; None when it or its user is no longer
    active."""
    return (
        Device.objects.select_related("user")
        .filter(key_digest=digest(secret), revoked_at=None, user__is_active=True)
        .first()
    )


def devices_of(user_id: UUID) -> QuerySet[Device]:
    """A person's enrolled phones, the newest first."""
    return Device.objects.filter(user_id=user_id, revoked_at=None).order_by("-enrolled_at", "pk")


def with_enrolment_state(people: QuerySet[User], *, now: datetime) -> QuerySet[User]:
    """People with `has_phone` (one is enrolled) and `link_until` (when an unused link of theirs ends, or
    None)."""
    phones = Device.objects.filter(user=OuterRef("pk"), revoked_at=None)
    links = Enrolment.objects.filter(
        user=OuterRef("pk"), used_at=None, revoked_at=None, expires_at__gt=now
    ).order_by("-expires_at")
    return people.annotate(has_phone=Exists(phones), link_until=Subquery(links.values("expires_at")[:1]))


@dataclass(frozen=True, slots=True)
class WaysIn:
    """How many ways in somebody has: enrolled phones, links that still open."""

    phones: int
    links: int


def ways_in(user_id: UUID, *, now: datetime) -> WaysIn:
    """The ways in of a person. Two statements."""
    links = Enrolment.objects.filter(user_id=user_id, used_at=None, revoked_at=None, expires_at__gt=now)
    return WaysIn(devices_of(user_id).count(), links.count())


def issuers_of_links(user_id: UUID, *, now: datetime) -> list[User]:
    """Who made the links of a person that still open; the command line is nobody. One statement."""
    links = Enrolment.objects.filter(user_id=user_id, used_at=None, revoked_at=None, expires_at__gt=now)
    return list(User.objects.filter(pk__in=links.values("issued_by")))


def people_with_links(people: Iterable[UUID], *, now: datetime) -> list[UUID]:
    """Those of `people` for whom a link still opens. One statement."""
    links = Enrolment.objects.filter(user__in=list(people), used_at=None, revoked_at=None, expires_at__gt=now)
    return list(links.values_list("user_id", flat=True).distinct())


def enrolment_of(token: str) -> Enrolment | None:
    """The enrolment of a link's token, whatever became of it, with its user."""
    return Enrolment.objects.select_related("user").filter(token_digest=digest(token)).first()


def people_called(name: str) -> list[User]:
    """Active people whose name to sign in by, full name or id is `name`; for an administrator at the
    machine."""
    same = Q(username=name.lower()) | Q(display_name=name)
    with suppress(ValueError):
        same |= Q(pk=UUID(name))
    return list(User.objects.filter(same, is_active=True).order_by("display_name", "pk")[:20])


def has_second_factor(user: User | AnonymousUser) -> bool:
    """Whether a person set up a passkey or an authenticator app."""
    types = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return user.is_authenticated and Authenticator.objects.filter(user=user, type__in=types).exists()


def passkeys_of(user_id: UUID) -> QuerySet[Authenticator]:
    """A person's passkeys, the newest first."""
    return Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.WEBAUTHN).order_by(
        "-created_at"
    )


def has_passkey(user: User | AnonymousUser) -> bool:
    return (
        user.is_authenticated
        and Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).exists()
    )
