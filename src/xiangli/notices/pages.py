"""The inbox, and opening a notice."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from xiangli.kernel import clock
from xiangli.notices import actions, queries
from xiangli.notices.states import describe, words_of
from xiangli.territory.rules import Actor
from xiangli.web.paging import paginate


@login_required
@never_cache
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The newest notices first; what is not read stands out."""
    actor = _actor(request)
    page = paginate(queries.inbox(actor), order=("-at", "-id"), cursor=request.GET.get("cursor", ""))
    names = describe(actor, {notice.about for notice in page.items})
    rows = [
        {"notice": notice, "says": words_of(notice.kind), "about": names.get(notice.about, "")}
        for notice in page.items
    ]
    unread = any(notice.read_at is None for notice in page.items)
    return render(request, "notices/inbox.html", {"page": page, "rows": rows, "unread": unread})


@login_required
@never_cache
@require_GET
def open_notice(request: HttpRequest, notice_id: UUID) -> HttpResponseRedirect:
    """Mark it as read and lead to what it is about. A link, so that it opens in a new tab too; looking again
    changes nothing.
    """
    notice = actions.read_notice(_actor(request), notice_id, now=clock.now())
    # the address is of a module above: it asks its own fence
    return HttpResponseRedirect(f"/m/{notice.about}/")


@login_required
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    actions.read_all_notices(_actor(request), now=clock.now())
    return redirect("notices:inbox")


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    return actor
