"""Pages that belong to no module: the look of the pages, and whether the server is well."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

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


# Query codes, enrolment links and staff pages are nobody's search result.
_ROBOTS = "User-agent: *\n" + "".join(
    f"Disallow: {path}\n"
    for path in ("/t/", "/enrol/", "/cases/", "/photos/", "/tasks/", "/desk/", "/me/", "/notices/")
)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What search engines stay out of."""
    return HttpResponse(_ROBOTS, content_type="text/plain")
