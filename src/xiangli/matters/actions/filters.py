"""Filters that somebody keeps under a name. They are theirs alone, and say nothing of any matter."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.matters.models import SavedFilter

MOST: Final = 20  # a person: more is a list that nobody reads


@transaction.atomic
def save_filter(*, user_id: UUID, name: str, query: str, now: datetime) -> None:
    """Keep a choice of the queue; under a name that is there already, in place of the old one."""
    name = name.strip()
    kept = set(SavedFilter.objects.filter(user=user_id).values_list("name", flat=True))
    if name not in kept and len(kept) >= MOST:
        raise Refused("too_many", _("最多保存 20 个筛选，请先删掉不用的，或用已有的名字保存。"), field="name")
    SavedFilter.objects.bulk_create(
        [SavedFilter(user_id=user_id, name=name, query=query, at=now)],
        update_conflicts=True,
        unique_fields=["user", "name"],
        update_fields=["query", "at"],
    )


@transaction.atomic
def rename_filter(*, user_id: UUID, filter_id: UUID, name: str) -> None:
    """Give a kept filter another name, which no other of this person has."""
    name = name.strip()
    mine = list(SavedFilter.objects.select_for_update().filter(user=user_id).order_by("pk"))
    renamed = next((one for one in mine if one.pk == filter_id), None)
    if renamed is None:
        raise _gone()
    if any(one.name == name for one in mine if one is not renamed):
        raise Refused("name_taken", _("您已经有一个叫这个名字的筛选，请换一个名字。"), field="name")
    renamed.name = name
    renamed.save(update_fields=["name"])


def delete_filter(*, user_id: UUID, filter_id: UUID) -> None:
    """Forget a kept filter. The matters it showed stay as they are."""
    deleted, _tables = SavedFilter.objects.filter(user=user_id, pk=filter_id).delete()
    if not deleted:
        raise _gone()


def _gone() -> Refused:
    return Refused("not_found", _("没有找到这个筛选，可能已经删掉了。"))
