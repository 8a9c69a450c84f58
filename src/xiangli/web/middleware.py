"""A refusal that no page caught becomes a page that says why; so does a request too large to be read."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused

# By the first word of the refusal's code; everything else is a conflict with what the matter allows now.
_STATUS = {"not_found": 404, "throttled": 429, "forbidden": 403, "invalid": 400}
_CONFLICT = 409


def status_of(code: str) -> int:
    """The status: `not_found…` 404, `throttled…` 429, `forbidden…` 403, `invalid…` 400, all others 409."""
    return next((status for prefix, status in _STATUS.items() if code.startswith(prefix)), _CONFLICT)


class BodyLimitMiddleware:
    """Answers 413 before anything of a body over `MAX_REQUEST_BYTES` is read: checking a form's token parses
    the form, files and all. A body that does not say its length counts as empty for Django."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        most: int = settings.MAX_REQUEST_BYTES
        if length.isdecimal() and int(length) > most:
            context = {
                "heading": _("一次发送的照片太大了"),
                "words": _(
                    "合起来最多 %(most)d MB，没有收下。请返回上一页，少选几张，或在手机里选“大图”而不是“原图”。"
                )
                % {"most": most // 1024 // 1024},
            }
            return render(request, "web/message.html", context, status=413)
        return self.get_response(request)


class RefusalMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The page of a Refused; a fragment for htmx. Other exceptions are not ours."""
        if not isinstance(exception, Refused):
            return None
        status = status_of(exception.code)
        heading = _headings()[status]
        context = {
            "heading": heading,
            "words": exception.reason,
            "code": exception.code,
            "facts": exception.facts,
        }
        template = "web/refusal.html" if getattr(request, "htmx", False) else "web/message.html"
        answer = render(request, template, context, status=status)
        if status == 429 and (wait := exception.facts.get("retry_after")):
            answer["Retry-After"] = str(int(wait))  # seconds
        return answer


def _headings() -> dict[int, str]:
    return {
        400: _("没有看懂这个请求"),
        403: _("您不能打开这一页"),
        404: _("没有找到"),
        409: _("这一步没有做成"),
        429: _("太频繁了，请稍等"),
    }
