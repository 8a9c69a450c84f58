"""PostgreSQL's own `polygon` as a model field, so that a point finds its unit without PostGIS."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import models

Ring = Sequence[tuple[float, float]]

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    _Field = models.Field  # generic in the stubs only


class PolygonField(_Field):
    """One outer ring of (longitude, latitude) pairs in degrees, WGS-84; in Python a list of pairs, in the
    database `polygon`."""

    description = "polygon of (longitude, latitude)"

    def db_type(self, connection: Any) -> str:
        return "polygon"

    def get_prep_value(self, value: Ring | None) -> str | None:
        if value is None:
            return None
        return "(" + ",".join(f"({float(lng):.7f},{float(lat):.7f})" for lng, lat in value) + ")"

    def from_db_value(
        self, value: str | None, expression: Any, connection: Any
    ) -> list[tuple[float, float]] | None:
        if value is None:
            return None
        pairs = value.strip("()").split("),(")
        return [(float(lng), float(lat)) for lng, lat in (pair.split(",") for pair in pairs)]
