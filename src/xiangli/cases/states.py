"""States of a case and the one table of its transitions. Buttons, rules, the diagram and the role matrix
read this table."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from xiangli.kernel.transitions import Transition, TransitionTable


class State(models.TextChoices):
    REPORTED = "reported", _("待受理")
    ASSIGNED = "assigned", _("待处理")
    IN_PROGRESS = "in_progress", _("处理中")
    TO_VERIFY = "to_verify", _("待核实")
    RESOLVED = "resolved", _("已处理")
    CLOSED = "closed", _("已办结")
    WITHDRAWN = "withdrawn", _("已撤回")


class ClockName(models.TextChoices):
    """What a limit bounds. The first seven are clocks that run; the others are the most one may ask for."""

    RESPOND = "respond", _("响应")  # until somebody takes it in hand
    PUT_RIGHT = "put_right", _("办好")
    VERIFY = "verify", _("核查")
    FEED_BACK = "feed_back", _("反馈")
    ESCALATE = "escalate", _("超时后上移")  # after a breach, until the matter moves a level up
    ANSWER = "answer", _("答复督办")
    PART = "part", _("协同")
    SUSPENSION = "suspension", _("挂起")  # the longest one suspension may last
    EXTENSION = "extension", _("延期")  # the most that extensions may add
    CONFIRM = "confirm", _("确认")  # after closing, to confirm or reopen


class Intake(models.TextChoices):
    OPEN = "open", _("受理")
    CLOSED = "closed", _("暂不在此受理")  # hotlines are shown


class EvidenceRule(models.TextChoices):
    NONE = "none", _("不要求照片")
    AFTER = "after", _("处理后照片")
    BEFORE_AFTER = "before_after", _("处理前后照片")


class Channel(models.TextChoices):
    PLATE = "plate", _("扫牌")
    WEB = "web", _("网页")
    STAFF = "staff", _("工作人员发现")


class Outcome(models.TextChoices):
    PUT_RIGHT = "put_right", _("已解决")
    ON_SPOT = "on_spot", _("当场处理")
    EXPLAINED = "explained", _("已说明")


# Permissions are the verbs themselves.
ASSIGN_CASE = "assign_case"
TAKE_CASE = "take_case"
RETURN_CASE = "return_case"
RESOLVE_CASE = "resolve_case"
HANDLE_ON_SPOT = "handle_on_spot"
VERIFY_CASE = "verify_case"
CLOSE_CASE = "close_case"
REVEAL_CONTACT = "reveal_contact"
REPORT_CASE = "report_case"

S = State
TABLE = TransitionTable(
    [
        Transition(
            "assign_case",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS}),
            (S.ASSIGNED,),
            ASSIGN_CASE,
            _("交办"),
            _("选定由谁办理"),
        ),
        Transition(
            "take_case",
            frozenset({S.REPORTED, S.ASSIGNED}),
            (S.IN_PROGRESS,),
            TAKE_CASE,
            _("接单"),
            _("接单后由您办理"),
        ),
        Transition(
            "return_case",
            frozenset({S.ASSIGNED, S.IN_PROGRESS}),
            (S.REPORTED,),
            RETURN_CASE,
            _("退回"),
            _("退回须写明原因"),
            note_required=True,
        ),
        Transition(
            "resolve_case",
            frozenset({S.IN_PROGRESS}),
            (S.RESOLVED, S.TO_VERIFY),
            RESOLVE_CASE,
            _("处理完成"),
            _("写明做了什么；反映人会看到"),
            note_required=True,
        ),
        Transition(
            "handle_on_spot",
            frozenset({S.REPORTED, S.ASSIGNED}),
            (S.RESOLVED, S.TO_VERIFY),
            HANDLE_ON_SPOT,
            _("当场处理"),
            _("接单和处理一步完成"),
            note_required=True,
        ),
        Transition(
            "verify_case",
            frozenset({S.TO_VERIFY}),
            (S.RESOLVED, S.IN_PROGRESS),
            VERIFY_CASE,
            _("核查"),
            _("须由处理人以外的人核查"),
        ),
        Transition(
            "close_case",
            frozenset({S.RESOLVED}),
            (S.CLOSED,),
            CLOSE_CASE,
            _("办结"),
            _("办结须向反映人反馈"),
            note_required=True,
        ),
        Transition(
            "confirm_case",
            frozenset({S.RESOLVED, S.CLOSED}),
            (S.CLOSED,),
            None,
            _("已解决"),
            by_reporter=True,
        ),
        Transition(
            "reopen_case",
            frozenset({S.RESOLVED, S.CLOSED}),
            (S.ASSIGNED, S.REPORTED),
            None,
            _("没解决"),
            _("请说说哪里没解决"),
            by_reporter=True,
            note_required=True,
        ),
        Transition(
            "evaluate_case",
            frozenset({S.RESOLVED, S.CLOSED}),
            (S.RESOLVED, S.CLOSED),
            None,
            _("评价"),
            by_reporter=True,
        ),
        Transition(
            "withdraw_case",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS}),
            (S.WITHDRAWN,),
            None,
            _("撤回"),
            by_reporter=True,
        ),
    ]
)

BEGINS = (S.ASSIGNED, S.REPORTED)  # in the seat that answers for the very place, or above it, to be passed on
OPEN_STATES = frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS, S.TO_VERIFY, S.RESOLVED})

# What a notice says; the page adds which matter, after asking the fence.
NOTICE_WORDS = {
    "report_case": _("有新的事项等您处理"),
    "assign_case": _("有事项交给您办"),
    "return_case": _("有事项退回到您这里"),
    "reseat_case": _("有事项等不到人，转到您这里"),
    "resolve_case": _("有事项处理完了，等您核查或反馈"),
    "handle_on_spot": _("有事项当场处理了，等您核查或反馈"),
    "verify_case": _("您处理的事项有了核查结果"),
    "confirm_case": _("反映人确认您的事项已解决"),
    "reopen_case": _("反映人说没解决，要求重办"),
    "evaluate_case": _("反映人评价了您办的事项"),
    "withdraw_case": _("反映人撤回了事项"),
}
