"""Opening and closing a county's ways out. On the command line: their secrets are the county's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from xiangli.notices.channels import check_settings
from xiangli.notices.models import Channel
from xiangli.notices.queries import seal_settings


def open_channel(*, county: UUID, kind: str, settings: Mapping[str, Any], now: datetime) -> Channel:
    """Open a channel, or give it new settings; they are encrypted. Raises Refused("channel_settings")."""
    sealed = seal_settings(county, kind, check_settings(kind, settings))
    channel, _made = Channel.objects.update_or_create(
        county_id=county, kind=kind, defaults={"settings": sealed, "enabled": True, "changed_at": now}
    )
    return channel


def close_channel(*, county: UUID, kind: str, now: datetime) -> bool:
    """Close a channel; its settings stay. What waits for it then is given up, and seen. Whether it was open."""
    return bool(
        Channel.objects.filter(county=county, kind=kind, enabled=True).update(enabled=False, changed_at=now)
    )
