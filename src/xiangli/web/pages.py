"""Pages that belong to no module: the look of the pages, and whether the server is well."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header, url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from xiangli.kernel import clock, jobs
from xiangli.kernel.models import Job
from xiangli.web.looks import COOKIE, COOKIE_DAYS, LOOKS


@require_POST
def choose_look(request: HttpRequest) -> HttpResponse:
    """Keep the chosen look on this device and go back to the page."""
    after = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(after, {request.get_host()}, require_https=request.is_secure()):
        after = "/"
    answer = redirect(after)
    look = request.POST.get("look", "")
    if look and look in dict(LOOKS):
        answer.set_cookie(COOKIE, look, max_age=COOKIE_DAYS * 86400, samesite="Lax", secure=settings.HTTPS)
    else:
        answer.delete_cookie(COOKIE, samesite="Lax")
    return answer


@never_cache
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing of the database."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The process can serve: the database answers. 503 when it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database\n", content_type="text/plain", status=503)
    return HttpResponse("ok\n", content_type="text/plain")


def _job(request: HttpRequest, job_id: UUID) -> Job:
    job = jobs.job_of(job_id, by=request.user.pk, now=clock.now()) if request.user.pk else None
    if job is None:  # nobody else's, and not for longer than a day
        raise Http404
    return job


@never_cache
@login_required
@require_GET
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """How far a job of this person is, how it ended, and what it made."""
    asked = _job(request, job_id)
    running = asked.ended_at is None
    context = {
        "job": asked,
        "running": running,
        "has_file": not running and asked.files.filter(side="made").exists(),
    }
    whole = not request.headers.get("HX-Request")
    return render(request, "web/job.html" if whole else "web/components/job.html", context)


@never_cache
@login_required
@require_GET
def job_file(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """What a job made, to who asked for it."""
    found = jobs.made(_job(request, job_id))
    if found is None:
        raise Http404
    name, media_type, content = found
    answer = HttpResponse(content, content_type=media_type)
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer


# Query codes, enrolment links and staff pages are nobody's search result.
_ROBOTS = "User-agent: *\n" + "".join(
    f"Disallow: {path}\n"
    for path in (
        "/t/",
        "/enrol/",
        "/cases/",
        "/photos/",
        "/tasks/",
        "/desk/",
        "/intake/",
        "/orders/",
        "/settings/",
        "/me/",
        "/notices/",
        "/jobs/",
    )
)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What search engines stay out of."""
    return HttpResponse(_ROBOTS, content_type="text/plain")
