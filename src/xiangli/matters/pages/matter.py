"""The one address of a matter for staff: `/m/<id>/` leads to the page of its workflow, if the actor may see it."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from xiangli.matters.models import Matter
from xiangli.matters.queries import not_found
from xiangli.matters.states import workflow_of
from xiangli.territory.rules import Actor


@require_GET
@login_required
def open_matter(request: HttpRequest, matter_id: UUID) -> HttpResponseBase:
    """Lead to the workflow's own page. A matter out of sight is not found, as one that is not there."""
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    workflow = (
        Matter.objects.visible_to(actor).filter(pk=matter_id).values_list("workflow", flat=True).first()
    )
    if workflow is None:
        raise not_found()
    return redirect(workflow_of(workflow).page, matter_id)
