"""The packaged schemes: levels and posts."""

import tomllib
from importlib.resources import files

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.territory import presets as _presets
from xiangli.territory.models import Level, Post, Scheme


def presets() -> list[str]:
    """The codes of the packaged schemes."""
    return sorted(
        file.name.removesuffix(".toml") for file in files(_presets).iterdir() if file.name.endswith(".toml")
    )


def load_preset(code: str) -> Scheme:
    """Write the packaged scheme `code` (levels and posts), or bring a loaded one up to date; nothing is
    removed.

    Raises Refused (no_preset) with the codes there are.
    """
    if code not in presets():
        raise Refused(
            "no_preset",
            _("没有“%(code)s”这个层级方案；现有：%(all)s。") % {"code": code, "all": "、".join(presets())},
        )
    wanted = tomllib.loads(files(_presets).joinpath(f"{code}.toml").read_text(encoding="utf-8"))
    sets: dict[str, list[str]] = wanted["sets"]

    def spelt_out(words: list[str]) -> list[str]:
        """A list in which "@name" stands for a set of words."""
        return [word for item in words for word in (sets[item[1:]] if item.startswith("@") else [item])]

    with transaction.atomic():
        scheme, _created = Scheme.objects.update_or_create(
            code=code, defaults={"name": wanted["name"], "name_en": wanted["name_en"]}
        )
        levels: dict[str, Level] = {}
        for row in wanted["levels"]:
            key, parent = row.pop("code"), row.pop("parent", None)
            levels[key], _created = Level.objects.update_or_create(
                scheme=scheme, code=key, defaults={**row, "parent": levels[parent] if parent else None}
            )
        for row in wanted["posts"]:
            key = row.pop("code")
            row["duties"], row["permissions"] = spelt_out(row["duties"]), spelt_out(row["permissions"])
            Post.objects.update_or_create(scheme=scheme, code=key, defaults=row)
    return scheme


def refresh_presets() -> list[str]:
    """Bring every packaged scheme that is loaded up to date with this version, so that posts get the
    permissions of new verbs; returns their codes. A scheme of a county's own is left alone."""
    loaded = list(Scheme.objects.filter(code__in=presets()).order_by("code").values_list("code", flat=True))
    for code in loaded:
        load_preset(code)
    return loaded
