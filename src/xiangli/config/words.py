"""The language of the command line: what stands here is needed before Django, and so before its
catalogues.
"""

from __future__ import annotations

import os


def words(zh: str, en: str) -> str:
    """Chinese, unless XIANGLI_LANG or the locale asks for English."""
    chosen = next(
        (v for name in ("XIANGLI_LANG", "LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(name))), ""
    )
    return en if chosen.lower().startswith("en") else zh
