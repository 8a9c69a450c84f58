"""The platform's addresses, with sample pages and pages that refuse."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from xiangli.kernel.refusals import Refused
from xiangli.web.tests.gallery_pages import render_for

REASON = _("这个翻页地址不对，请从第一页重新看。")  # any words that have an English


def sample(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(render_for(request, name, get_language() or "zh-hans"))


def refuse(request: HttpRequest, code: str) -> HttpResponse:
    raise Refused(code, REASON, retry_after=90)


def fall(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


urlpatterns = [
    path("sample/<name>/", sample),
    path("refuse/<code>/", refuse),
    path("fall/", fall),
    path("", include("xiangli.config.urls")),
]
