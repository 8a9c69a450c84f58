"""`python -m bench [names]`: measure, print, and write bench/latest.json."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import growth, importing, intake, lists, pages, plates, timers

BENCHMARKS: dict[str, Callable[[], dict[str, float]]] = {
    "intake": intake.measure,
    "list": lists.measure,
    "growth": growth.measure,
    "import": importing.measure,
    "pages": pages.measure,
    "plates": plates.measure,
    "timers": timers.measure,
}
_LATEST = Path(__file__).with_name("latest.json")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _commit() -> str:
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607  # whichever git there is
        cwd=_LATEST.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()


def main(names: list[str]) -> None:
    """Run the benchmarks of these names, all by default; figures of the others stay as they were written."""
    if unknown := set(names) - set(BENCHMARKS):
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    figures: dict[str, float | str] = json.loads(_LATEST.read_text()) if names and _LATEST.exists() else {}
    for name in names or BENCHMARKS:
        print(f"{name} …", flush=True)
        found = BENCHMARKS[name]()
        for figure, value in found.items():
            print(f"  {figure} {value}", flush=True)
        figures |= found
    figures |= {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": f"{os.cpu_count()} x {_processor()}",
        "commit": _commit(),
    }
    _LATEST.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
