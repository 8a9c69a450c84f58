"""States of a case and the one table of its transitions. Buttons, rules, the diagram and the role matrix
read this table."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from xiangli.kernel.transitions import Transition, TransitionTable
from xiangli.matters.states import NO_CODE


class State(models.TextChoices):
    REPORTED = "reported", _("待受理")
    ASSIGNED = "assigned", _("待处理")
    IN_PROGRESS = "in_progress", _("处理中")
    SUSPENDED = "suspended", _("挂起")
    TO_VERIFY = "to_verify", _("待核实")
    RESOLVED = "resolved", _("已处理")
    CLOSED = "closed", _("已办结")
    DECLINED = "declined", _("不予受理")
    WITHDRAWN = "withdrawn", _("已撤回")
    MERGED = "merged", _("已合并")


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
    PHONE = "phone", _("电话")
    COUNTER = "counter", _("当面")
    GROUP = "group", _("群里转来")
    PLATFORM = "platform", _("外来工单")  # 12345 or a superior platform handed it over


# What somebody else told a member of staff, who reports it for them.
TAKEN_DOWN = frozenset({Channel.PHONE, Channel.COUNTER, Channel.GROUP})


class Outcome(models.TextChoices):
    PUT_RIGHT = "put_right", _("已解决")
    ON_SPOT = "on_spot", _("当场处理")
    EXPLAINED = "explained", _("已说明")
    STOPPED = "stopped", _("当场劝止")
    NOTHING = "nothing", _("现场未发现")
    POLICE = "police", _("已报警处理")  # a count only: who it was is the police's business


# Permissions are the verbs themselves.
ACCEPT_CASE = "accept_case"
TAKE_CASE = "take_case"
CLAIM_CASE = "claim_case"
ARRIVE_CASE = "arrive_case"
RESOLVE_CASE = "resolve_case"
HANDLE_ON_SPOT = "handle_on_spot"
VERIFY_CASE = "verify_case"
CLOSE_CASE = "close_case"
ASSIGN_CASE = "assign_case"
TRANSFER_CASE = "transfer_case"
HANDLE_TOGETHER = "handle_together"
FINISH_PART = "finish_part"
HAND_UP_CASE = "hand_up_case"
RETURN_CASE = "return_case"
SUSPEND_CASE = "suspend_case"
RESUME_CASE = "resume_case"
ASK_EXTENSION = "ask_extension"
DECIDE_EXTENSION = "decide_extension"
SUPERVISE_CASE = "supervise_case"
ANSWER_ORDER = "answer_order"
MERGE_CASE = "merge_case"
DECLINE_CASE = "decline_case"
REVEAL_CONTACT = "reveal_contact"
REPORT_CASE = "report_case"

S = State
BEGINS = (S.ASSIGNED, S.REPORTED)  # in the seat that answers for the very place, or above it, to be passed on
OPEN_STATES = frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS, S.SUSPENDED, S.TO_VERIFY, S.RESOLVED})
_TO_BE_PUT_RIGHT = frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS})
STAYS: tuple[str, ...] = ()

# "act": where the English of what is done differs from that of the state or the thing of the same Chinese word.
TABLE = TransitionTable(
    [
        Transition(
            "accept_case",
            frozenset({S.REPORTED}),
            (S.ASSIGNED,),
            ACCEPT_CASE,
            pgettext_lazy("act", "受理"),
            _("受理后由您这里办理"),
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
            "claim_case",
            frozenset({S.REPORTED, S.ASSIGNED}),
            (S.IN_PROGRESS,),
            CLAIM_CASE,
            _("领办"),
            _("由您牵头办理"),
        ),
        Transition(
            "arrive_case",
            _TO_BE_PUT_RIGHT,
            STAYS,
            ARRIVE_CASE,
            _("到场"),
            _("记下有人到了现场；不记录位置"),
        ),
        Transition(
            "resolve_case",
            frozenset({S.IN_PROGRESS}),
            (
                S.RESOLVED,
                S.TO_VERIFY,
            ),
            RESOLVE_CASE,
            _("处理完成"),
            _("写明做了什么；反映人会看到"),
            note_required=True,
        ),
        Transition(
            "handle_on_spot",
            frozenset({S.REPORTED, S.ASSIGNED}),
            (
                S.RESOLVED,
                S.TO_VERIFY,
            ),
            HANDLE_ON_SPOT,
            _("当场处理"),
            _("接单和处理一步完成"),
            note_required=True,
        ),
        Transition(
            "verify_case",
            frozenset({S.TO_VERIFY}),
            (
                S.RESOLVED,
                S.IN_PROGRESS,
            ),
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
            "assign_case",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS}),
            (S.ASSIGNED,),
            ASSIGN_CASE,
            _("交办"),
            _("选定由谁办理"),
        ),
        Transition(
            "transfer_case",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS}),
            (S.ASSIGNED,),
            TRANSFER_CASE,
            _("转派"),
            _("转给主管部门，须写明原因"),
            note_required=True,
        ),
        Transition(
            "handle_together",
            frozenset({S.ASSIGNED, S.IN_PROGRESS}),
            STAYS,
            HANDLE_TOGETHER,
            pgettext_lazy("act", "协同"),
            _("请别的岗位一起办；牵头的仍是现在的岗位"),
            note_required=True,
        ),
        Transition(
            "finish_part",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS, S.SUSPENDED}),
            STAYS,
            FINISH_PART,
            _("协同完成"),
            _("写明您这里做了什么"),
            note_required=True,
        ),
        Transition(
            "hand_up_case",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS}),
            (S.REPORTED,),
            HAND_UP_CASE,
            pgettext_lazy("act", "上报"),
            _("本级办不了，写明原因，交上一级"),
            note_required=True,
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
            "suspend_case",
            frozenset({S.ASSIGNED, S.IN_PROGRESS}),
            (S.SUSPENDED,),
            SUSPEND_CASE,
            pgettext_lazy("act", "挂起"),
            _("写明等什么、等到哪天；反映人会看到"),
            note_required=True,
        ),
        Transition(
            "resume_case",
            frozenset({S.SUSPENDED}),
            (
                S.IN_PROGRESS,
                S.ASSIGNED,
            ),
            RESUME_CASE,
            _("恢复办理"),
            _("等的事有了结果，接着办"),
        ),
        Transition(
            "ask_extension",
            frozenset({S.ASSIGNED, S.IN_PROGRESS}),
            STAYS,
            ASK_EXTENSION,
            _("申请延期"),
            _("到期之前申请，由上级批准"),
            note_required=True,
        ),
        Transition(
            "decide_extension",
            frozenset({S.ASSIGNED, S.IN_PROGRESS}),
            STAYS,
            DECIDE_EXTENSION,
            _("审批延期"),
            _("由上级岗位的另一个人决定"),
        ),
        Transition(
            "supervise_case",
            OPEN_STATES,
            STAYS,
            SUPERVISE_CASE,
            pgettext_lazy("act", "督办"),
            _("写明要求；承办人须在期限内答复"),
            note_required=True,
        ),
        Transition(
            "answer_order",
            OPEN_STATES,
            STAYS,
            ANSWER_ORDER,
            _("答复督办"),
            _("写明进展和打算"),
            note_required=True,
        ),
        Transition(
            "merge_case",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS, S.SUSPENDED}),
            (S.MERGED,),
            MERGE_CASE,
            _("合并"),
            _("同一件事并到另一件里一起办"),
        ),
        Transition(
            "decline_case",
            frozenset({S.REPORTED, S.ASSIGNED}),
            (S.DECLINED,),
            DECLINE_CASE,
            pgettext_lazy("act", "不予受理"),
            _("写明理由，并告诉对方可以去哪里办"),
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
            frozenset({S.RESOLVED, S.CLOSED, S.DECLINED}),
            (
                S.ASSIGNED,
                S.REPORTED,
            ),
            None,
            _("没解决"),
            _("请说说哪里没解决"),
            by_reporter=True,
            note_required=True,
        ),
        Transition(
            "evaluate_case",
            frozenset({S.RESOLVED, S.CLOSED, S.DECLINED}),
            STAYS,
            None,
            _("评价"),
            by_reporter=True,
        ),
        Transition(
            "nudge_case",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS, S.SUSPENDED, S.TO_VERIFY}),
            STAYS,
            None,
            _("催办"),
            _("一天可以催一次"),
            by_reporter=True,
        ),
        Transition(
            "withdraw_case",
            frozenset({S.REPORTED, S.ASSIGNED, S.IN_PROGRESS, S.SUSPENDED}),
            (S.WITHDRAWN,),
            None,
            _("撤回"),
            by_reporter=True,
        ),
        Transition(
            "amber_case",
            OPEN_STATES,
            STAYS,
            None,
            _("将到期"),
            by_rule=True,
        ),
        Transition(
            "overdue_case",
            OPEN_STATES,
            STAYS,
            None,
            _("超时"),
            _("上一级成为督办人"),
            by_rule=True,
        ),
        Transition(
            "move_up_case",
            OPEN_STATES,
            (
                S.REPORTED,
                S.TO_VERIFY,
                S.RESOLVED,
            ),
            None,
            _("超时上移"),
            _("交给上一级办理"),
            by_rule=True,
        ),
        Transition(
            "end_suspension",
            frozenset({S.SUSPENDED}),
            (
                S.IN_PROGRESS,
                S.ASSIGNED,
            ),
            None,
            _("挂起到期"),
            by_rule=True,
        ),
    ]
)

# What permissions allow, in words, for whoever says which post has which: the verbs themselves, and three beside them.
VERBS = {
    **{str(row.permission): row.label for row in TABLE.values() if row.permission},
    "report_case": _("替人上报，或上报自己发现的"),
    "reveal_contact": _("打开反映人的联系方式（须两步登录，每次都留记录）"),
    "import_orders": _("导入外来工单，导出答复"),
}

# What a notice says; the page adds which matter, after asking the fence.
NOTICE_WORDS = {
    "report_case": _("有新的事项等您处理"),
    "danger_words": _("有人反映的事可能有危险，请马上看"),
    "accept_case": _("有事项已由您这里受理"),
    "assign_case": _("有事项交给您办"),
    "transfer_case": _("有事项转派给您这里"),
    "handle_together": _("有事项请您协同办理"),
    "finish_part": _("协同的岗位报告了结果"),
    "hand_up_case": _("下级上报了一件办不了的事项"),
    "return_case": _("有事项退回到您这里"),
    "reseat_case": _("有事项等不到人，转到您这里"),
    "release_case": _("有事项的办理人离岗了，请您这里接办"),
    "part_left": _("协同的岗位没有人了，请另请别的岗位，或代为写明结果"),
    "claim_case": _("有事项被上级领办"),
    "resolve_case": _("有事项处理完了，等您核查或反馈"),
    "handle_on_spot": _("有事项当场处理了，等您核查或反馈"),
    "verify_case": _("您处理的事项有了核查结果"),
    "ask_extension": _("有事项申请延期，等您审批"),
    "decide_extension": _("您的延期申请有了结果"),
    "suspend_case": _("有事项挂起了，到期会再提醒您"),
    "end_suspension": _("有事项挂起到期，请接着办"),
    "supervise_case": _("有事项被督办，请在期限内答复"),
    "answer_order": _("您督办的事项有了答复"),
    "confirm_case": _("反映人确认您的事项已解决"),
    "reopen_case": _("反映人说没解决，要求重办"),
    "evaluate_case": _("反映人评价了您办的事项"),
    "nudge_case": _("反映人在催办"),
    "withdraw_case": _("反映人撤回了事项"),
    "merge_case": _("有事项并入了您在办的事项"),
    "amber_case": _("有事项快到期了"),
    "overdue_case": _("有事项超时了，请督办"),
    "overdue_yours": _("您这里的事项超时了"),
    "move_up_case": _("有事项超时未办，转到您这里"),
    "moved_from_you": _("有事项超时未办，已转到上一级"),
    "top_case": _("有事项到了县级仍然超时，须有人负责答复"),
}

# Where there is danger, these ring at any hour; the others wait for the morning.
URGENT = (
    *("report_case", "danger_words", "assign_case", "transfer_case", "hand_up_case", "return_case"),
    *(
        "reseat_case",
        "release_case",
        "move_up_case",
        "overdue_case",
        "overdue_yours",
        "amber_case",
        "reopen_case",
        "nudge_case",
    ),
)
# What a county's group robots speak of: number, category, lane and link.
GROUP_NEWS = ("report_case", "overdue_case", "move_up_case", "top_case", "close_case")
# What whoever left a number is told, by a text message: what is said here is all of it.
REPORTER_TEMPLATES = {
    "resolve_case": _("您反映的{category}（{lane}，编号 {number}）已经处理，请看看是否解决：{link}"),
    "handle_on_spot": _("您反映的{category}（{lane}，编号 {number}）已经当场处理，请看看是否解决：{link}"),
    "verify_case": _("您反映的{category}（{lane}，编号 {number}）已经处理并核查，请看看是否解决：{link}"),
    "close_case": _(
        "您反映的{category}（{lane}，编号 {number}）已经办结，没解决的可以在 7 天内要求重办：{link}"
    ),
    "decline_case": _("您反映的{category}（{lane}，编号 {number}）未予受理，理由和可以去哪里办请看：{link}"),
    "merge_case": _("您反映的{category}（{lane}，编号 {number}）和另一件是同一件事，已并在一起办：{link}"),
    "suspend_case": _("您反映的{category}（{lane}，编号 {number}）需要等一等，原因请看：{link}"),
    "decide_extension": _("您反映的{category}（{lane}，编号 {number}）批准延期办理，新的期限请看：{link}"),
    f"resolve_case{NO_CODE}": _(
        "您反映的{category}（{lane}，编号 {number}）已经处理。没解决的，请再打电话或当面告诉我们，说编号就行。"
    ),
    f"handle_on_spot{NO_CODE}": _(
        "您反映的{category}（{lane}，编号 {number}）已经当场处理。没解决的，请再打电话或当面告诉我们，说编号就行。"
    ),
    f"verify_case{NO_CODE}": _(
        "您反映的{category}（{lane}，编号 {number}）已经处理并核查。没解决的，请再打电话或当面告诉我们，说编号就行。"
    ),
    f"close_case{NO_CODE}": _(
        "您反映的{category}（{lane}，编号 {number}）已经办结。没解决的，请再打电话或当面告诉我们，说编号就行。"
    ),
    f"decline_case{NO_CODE}": _(
        "您反映的{category}（{lane}，编号 {number}）未予受理。理由和可以去哪里办，请打电话或当面问，说编号就行。"
    ),
    f"merge_case{NO_CODE}": _(
        "您反映的{category}（{lane}，编号 {number}）和另一件是同一件事，已并在一起办。"
    ),
    f"suspend_case{NO_CODE}": _(
        "您反映的{category}（{lane}，编号 {number}）需要等一等，原因请打电话或当面问，说编号就行。"
    ),
    f"decide_extension{NO_CODE}": _(
        "您反映的{category}（{lane}，编号 {number}）批准延期办理，新的期限请打电话或当面问，说编号就行。"
    ),
}
