"""What platforms send and fetch as JSON, each with the token of its source. No cookie is looked at, so there is no
form to forge: docs/how-to/orders-from-elsewhere.md is the contract."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from xiangli.accounts.sessions import client_address
from xiangli.cases.actions import orders as actions
from xiangli.cases.models import OrderSource
from xiangli.cases.queries.orders import order_units, readers_of, replies_since, source_of_token
from xiangli.cases.rules.orders import Column, Fault, read_line
from xiangli.kernel import clock, throttle
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import plain

MAX_BYTES: Final = 32 * 1024
REPLIES: Final = 100  # in one answer
MOST_A_MINUTE: Final = 600  # orders of one source
WRONG_TOKENS: Final = 20  # from one address in ten minutes, before it must wait
_MINUTE: Final = timedelta(minutes=1)
_TEN: Final = timedelta(minutes=10)
_SALT: Final = "cases.order-replies"
_CHINA: Final = ZoneInfo("Asia/Shanghai")

_Short = Annotated[str, msgspec.Meta(max_length=200)]


class OrderIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One order as a platform sends it."""

    number: _Short
    words: str
    place: _Short
    place_note: _Short = ""
    category: _Short = ""
    deadline: datetime | None = None  # without a zone: China's time
    name: _Short = ""
    phone: _Short = ""


_FIELDS: Final = {
    Column.NUMBER: "number",
    Column.WORDS: "words",
    Column.PLACE: "place",
    Column.NOTE: "place_note",
    Column.CATEGORY: "category",
    Column.DEADLINE: "deadline",
    Column.NAME: "name",
    Column.PHONE: "phone",
}


# Without the check of forged forms: it protects what a browser sends along by itself, and this page takes nothing from that.
@csrf_exempt
@require_POST
@never_cache
def take_order(request: HttpRequest) -> HttpResponse:
    """One order in; our number out. The same number of theirs once more gives the same answer."""
    source = _source(request)
    if isinstance(source, HttpResponse):
        return source
    now = clock.now()
    if throttle.bump("cases.orders", str(source.pk), window=_MINUTE, now=now) > MOST_A_MINUTE:
        return _too_many(60, _("一分钟最多收 %(most)d 件，请稍后接着发。") % {"most": MOST_A_MINUTE})
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    content = request.read(MAX_BYTES + 1) if length <= MAX_BYTES else b""
    if length > MAX_BYTES or len(content) > MAX_BYTES:
        words = _("一件工单最多 %(most)d KB。请把反映内容写短，原文留在贵平台。")
        return _error(413, words % {"most": MAX_BYTES // 1024})
    try:
        sent = msgspec.json.decode(content, type=OrderIn)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # ValidationError is one of them
        return _errors([_shape(error)])
    cells: dict[Column, object] = {
        column: plain(value) if isinstance(value := getattr(sent, name), str) else None
        for column, name in _FIELDS.items()
    }
    _number, line, faults = read_line(cells, readers_of([source.county.path], now=now))
    if line is None:
        return _errors([_said(fault) for fault in faults])
    deadline = sent.deadline
    if deadline is not None and deadline.tzinfo is None:
        deadline = deadline.replace(tzinfo=_CHINA)
    line = replace(line, deadline=deadline)
    try:
        taken = actions.take_order(line, order_units([line.place])[line.place], source=source)
    except Refused as refused:
        named = refused.field or ""
        field = named if named in _FIELDS.values() else ""
        return _errors([{"field": field, "error": str(refused.reason)}])
    late = deadline is not None and deadline <= now
    return JsonResponse({"number": str(taken.number), "again": taken.again, "late": late})


@require_GET
@never_cache
def replies(request: HttpRequest) -> HttpResponse:
    """How orders of this source ended, oldest first, after `since`: the `next` of the answer before."""
    source = _source(request)
    if isinstance(source, HttpResponse):
        return source
    given = request.GET.get("since", "")
    since: tuple[datetime, UUID] | None = None
    if given:
        try:
            moment, row = signing.loads(given, salt=f"{_SALT}:{source.pk}")
            since = datetime.fromisoformat(moment), UUID(row)
        except (signing.BadSignature, ValueError):
            return _errors(
                [{"field": "since", "error": _("这不是本接口给出的 next，请照原样带回；从头取就不带。")}]
            )
        actions.acknowledge_replies(source, since[0])
    found = replies_since(source, since, now=clock.now(), most=REPLIES)
    after = given
    if found:
        last = found[-1]
        ended: datetime = vars(last.order)["ended_at"]  # by which they are sorted
        after = signing.dumps([ended.isoformat(), str(last.order.pk)], salt=f"{_SALT}:{source.pk}")
    rows = [
        {
            "number": reply.order.number,
            "ours": str(reply.order.matter.number),
            "state": reply.order.matter.state,
            "state_name": reply.state,
            "result": reply.result,
            "words": reply.words,
            "by": reply.by,
            "closed_at": reply.ended_at,
        }
        for reply in found
    ]
    return JsonResponse({"replies": rows, "next": after, "more": len(found) == REPLIES})


def _source(request: HttpRequest) -> OrderSource | HttpResponse:
    """Whose token the request bears, or what to answer instead."""
    address, now = client_address(request), clock.now()
    if throttle.count("cases.order-token", address, window=_TEN, now=now) >= WRONG_TOKENS:
        return _too_many(600, _("令牌错了太多次，请十分钟后再试。"))
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    source = source_of_token(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
    if source is not None:
        return source
    throttle.bump("cases.order-token", address, window=_TEN, now=now)
    answer = _error(
        401,
        _("没有带令牌，或者令牌不对、已停用。请求头写 Authorization: Bearer 令牌；令牌找县里的管理员要。"),
    )
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def _shape(error: Exception) -> dict[str, str]:
    """What a decoder says is wrong, by the field that it names."""
    said = str(error)
    field = re.search(r"(?:field |at `\$\.)`?(\w+)`?", said)
    name = field[1] if field and field[1] in OrderIn.__struct_fields__ else ""
    if "missing required field" in said:
        words = _("缺少 %(field)s。") % {"field": field[1] if field else ""}
    elif "unknown field" in said:
        words = _("没有“%(field)s”这个字段，请照接口说明写。") % {"field": field[1] if field else ""}
    elif name:
        words = _("%(field)s 的格式不对，请照接口说明写。") % {"field": name}
    else:
        words = _("请求的内容不是 UTF-8 的 JSON 对象，读不懂。")
    return {"field": name, "error": words}


def _said(fault: Fault) -> dict[str, str]:
    return {"field": _FIELDS[fault.column], "error": fault.words}


def _errors(errors: list[dict[str, str]]) -> JsonResponse:
    return JsonResponse({"errors": errors}, status=422)


def _error(status: int, words: Any) -> JsonResponse:
    return JsonResponse({"errors": [{"field": "", "error": str(words)}]}, status=status)


def _too_many(seconds: int, words: Any) -> JsonResponse:
    answer = _error(429, words)
    answer["Retry-After"] = str(seconds)
    return answer
