from __future__ import annotations


def measure() -> dict[str, float]:
    return {}
