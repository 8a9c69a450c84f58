"""Shared readers of cases."""

from collections.abc import Mapping

from django.utils.translation import get_language

from xiangli.cases.models import Category


def topic_labels() -> Mapping[str, str]:
    """Category names by code, in the active language."""
    column = "name_en" if (get_language() or "").startswith("en") else "name"
    return dict(Category.objects.values_list("code", column))
