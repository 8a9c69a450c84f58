"""Shared readers of cases."""

from xiangli.cases.queries.loop import (
    Holder,
    Neighbour,
    categories,
    category_with_limits,
    event_label,
    facts_of,
    forget_known,
    hotlines,
    in_english,
    last_act,
    limits_of,
    neighbours,
    sentence,
    timeline,
    topic_labels,
    who_has,
)

__all__ = [
    "Holder",
    "Neighbour",
    "categories",
    "category_with_limits",
    "event_label",
    "facts_of",
    "forget_known",
    "hotlines",
    "in_english",
    "last_act",
    "limits_of",
    "neighbours",
    "sentence",
    "timeline",
    "topic_labels",
    "who_has",
]
