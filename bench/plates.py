"""All plates and boards of Jiang county, 1,849 lanes with their people, printed by the job that a person starts."""

from __future__ import annotations

import json
import resource
import time
from typing import Final

from tests.support.site import site

COUNTY: Final = "14/08/26/"
_MARK: Final = "figures "


def measure() -> dict[str, float]:
    """plates_count, plates_s, plates_cpu_s, plates_mb of one PDF in A4, and boards_… of one in A2; plates_judge_ms, what
    hangs in the county against today's; plates_peak_mb, the most memory of the process, and plates_idle_mb, before."""
    with site() as place:
        place.home.mkdir()
        (place.home / "static").mkdir()
        place.database.start()
        try:
            place.database.prepare()
            place.call("prepare")
            place.load_territory()
            with place.sql() as connection:
                connection.execute("VACUUM ANALYZE")
            said = place.shell("from bench.plates import print_all; print_all()")
        finally:
            place.database.stop()
    found: dict[str, float] = json.loads(said.rpartition(_MARK)[2])
    return found


def print_all() -> None:
    """Within Django: print the county as its administrator asks for it, and say what it took."""
    from xiangli.kernel import clock, jobs
    from xiangli.territory import queries
    from xiangli.territory.models import Appointment, PrintKind, Unit

    county = Unit.objects.get(path=COUNTY)
    admin = Appointment.objects.filter(unit=county, post__code="county_admin").latest("valid_from").user_id
    figures: dict[str, float] = {"plates_idle_mb": _peak_mb()}
    for kind in PrintKind:
        job = jobs.start(
            "territory.record_print",
            by=admin,
            params={"unit": county.pk, "kind": kind, "size": "a4", "which": "all"},
        )
        began, busy = time.monotonic(), time.process_time()
        assert jobs.run_one(clock.now())
        took, worked = time.monotonic() - began, time.process_time() - busy
        made = jobs.made(job)
        assert made is not None, jobs.job_of(job.pk, by=admin, now=clock.now())
        count = len(queries.sheets(county, at=clock.now(), kinds=[kind]))
        figures[f"{kind}s_count"] = count
        figures[f"{kind}s_s"] = round(took, 1)
        figures[f"{kind}s_cpu_s"] = round(worked, 1)
        figures[f"{kind}s_mb"] = round(len(made[2]) / 1e6, 1)
    began = time.monotonic()
    hung = queries.hung(county, at=clock.now())
    figures["plates_judge_ms"] = round((time.monotonic() - began) * 1000)
    assert not any(one.due for one in hung)
    assert figures["plates_count"] == 1849
    figures["plates_peak_mb"] = _peak_mb()
    print(_MARK + json.dumps(figures))


def _peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
