"""What is open in a unit and in whose hands: ordinary matters that the actor may see, and no others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, Value
from django.db.models.functions import Coalesce, Concat, Substr
from django.db.models.lookups import Exact

from xiangli.cases.queries.work import is_amber, is_red
from xiangli.kernel import clock
from xiangli.matters.queries import inbox
from xiangli.matters.states import Visibility
from xiangli.territory.models import Unit
from xiangli.territory.rules import Actor
from xiangli.web.rules import Colour, lamp_of
