"""Where a person is reached, and whether they want to be."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.notices.models import Address, Preference
from xiangli.notices.queries import seal_address
from xiangli.notices.rules import clean_address
from xiangli.notices.states import PERSONAL


@transaction.atomic
def set_preferences(*, user_id: UUID, wanted: Collection[str], language: str, now: datetime) -> None:
    """Switch each of the person's channels on (those in `wanted`) or off, and choose the language outside the app.

    Raises Refused("invalid_language").
    """
    if language not in dict(settings.LANGUAGES):
        raise Refused("invalid_language", _("没有这种语言，请在列出的里面选。"), field="language")
    rows = Address.objects.filter(user=user_id)
    rows.filter(kind__in=wanted, wanted=False).update(wanted=True, changed_at=now)
    rows.exclude(kind__in=wanted).filter(wanted=True).update(wanted=False, changed_at=now)
    Preference.objects.update_or_create(user_id=user_id, defaults={"language": language})


@transaction.atomic
def set_address(*, user_id: UUID, kind: str, address: str, now: datetime) -> Address:
    """Keep where a person is reached by a channel, encrypted, and switch it on. Raises Refused("invalid_address"), or
    ("not_found") for a kind that has no addresses of persons.
    """
    if kind not in PERSONAL:
        raise Refused("not_found", _("没有这个通道。请从消息设置里选。"))
    sealed = seal_address(user_id, kind, clean_address(kind, address))
    row, _made = Address.objects.update_or_create(
        user_id=user_id, kind=kind, defaults={"address": sealed, "wanted": True, "changed_at": now}
    )
    return row


def forget_address(*, user_id: UUID, kind: str) -> bool:
    """Delete an address; whether there was one."""
    return bool(Address.objects.filter(user=user_id, kind=kind).delete()[0])
