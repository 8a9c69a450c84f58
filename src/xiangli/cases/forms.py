"""Forms of cases: they validate shape only; whether an act is allowed is asked of the rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from xiangli.cases.rules import MAX_PHOTOS, MAX_WORDS
from xiangli.cases.states import TAKEN_DOWN, Channel, Outcome
from xiangli.kernel.files import MAX_BYTES
from xiangli.kernel.ids import is_client_id, new_id
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import MAX_BYTES as MAX_SHEET_BYTES

KEPT_SALT = "cases.kept-photos"
KEPT_SECONDS = 12 * 3600  # photos that wait for the rest of a form are swept after a day


PHOTO_ATTRS = {
    "accept": "image/*",
    "data-photos": "",
    "data-most": MAX_PHOTOS,
    "data-bytes": MAX_BYTES,
    "data-too-many": _("最多 9 张照片，多出的没有加上。"),
    "data-too-big": _("有照片超过 20 MB，没有加上。"),
    "data-remove": _("去掉"),
    "data-choose": _("拍照或选照片"),
}


class PhotosInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Up to nine photos at once; each is checked by the kernel when it is stored."""

    widget = PhotosInput(attrs=PHOTO_ATTRS)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        single = super().clean
        files = data if isinstance(data, list | tuple) else [data]
        cleaned = [single(item, initial) for item in files if item]
        if self.required and not cleaned:
            raise ValidationError(self.error_messages["required"], code="required")
        return [item for item in cleaned if item is not None]


class ClientIdField(forms.UUIDField):
    """The id that the form's page or the phone made: a UUIDv7."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> UUID | None:
        found: UUID | None = super().clean(value)
        if found is not None and not is_client_id(found):
            raise ValidationError(_("表单编号不对，请刷新页面再试。"), code="client_id")
        return found


def words_area(rows: int, **attrs: Any) -> forms.Textarea:
    # No maxlength: a browser would cut a pasted text without a word. The rule says how much is too much.
    return forms.Textarea(attrs={"rows": rows, "data-limit": MAX_WORDS, **attrs})


class ReportForm(forms.Form):
    """What, where, who. `kept` carries photos that were stored while another part of the form was still
    wrong."""

    client_id = ClientIdField()
    category = forms.SlugField(
        max_length=60, error_messages={"required": _("请选一类；不知道归哪类就选“其他情况”。")}
    )
    photos = PhotosField(
        label=_("照片"),
        required=False,
        help_text=_("最多 9 张。拍摄地点只用来标出位置，存下的照片不带这些信息。"),
    )
    kept = forms.CharField(required=False, widget=forms.HiddenInput)
    words = forms.CharField(
        label=_("什么事"),
        strip=True,
        widget=words_area(4),
        help_text=_("说清楚是什么、在哪儿就行。"),
        error_messages={"required": _("请写几个字，说明是什么事。")},
    )
    lat = forms.FloatField(required=False, min_value=-90, max_value=90, widget=forms.HiddenInput)
    lng = forms.FloatField(required=False, min_value=-180, max_value=180, widget=forms.HiddenInput)
    place_note = forms.CharField(
        label=_("具体位置"), required=False, max_length=120, help_text=_("比如：村口第三户门前")
    )
    name = forms.CharField(
        label=_("怎么称呼您"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    phone = forms.CharField(
        label=_("电话"),
        required=False,
        max_length=20,
        help_text=_("只用来就这件事联系您，加密保存，只有乡镇值班台因事才能打开。不留也照样办。"),
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )

    def clean_phone(self) -> str:
        typed = str(self.cleaned_data["phone"]).strip()
        digits = re.sub(r"[\s\-()（）]", "", typed)
        if digits and not re.fullmatch(r"\+?\d{5,18}", digits):
            raise ValidationError(_("电话号码只能是数字，比如 13800000000 或 0359-1234567。"))
        return digits


class StaffReportForm(ReportForm):
    """What staff report: seen by themselves, or told to them by somebody who may leave a number."""

    channel = forms.ChoiceField(
        label=_("怎么知道的"),
        required=False,
        choices=[(Channel.STAFF, _("自己发现")), *[(one, one.label) for one in Channel if one in TAKEN_DOWN]],
        error_messages={"invalid_choice": _("请选这件事是怎么知道的。")},
    )
    consent = forms.BooleanField(
        label=_("发的人同意转来"),
        required=False,
        help_text=_("群里转来的才用勾。只写对方同意转的话，不抄别人的聊天。"),
    )
    name = forms.CharField(label=_("对方怎么称呼"), required=False, max_length=40)
    phone = forms.CharField(
        label=_("对方电话"),
        required=False,
        max_length=20,
        help_text=_("只用来就这件事联系对方、告诉对方结果，加密保存。对方不愿留就不留，照样办。"),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )

    def clean_channel(self) -> str:
        return str(self.cleaned_data["channel"]) or Channel.STAFF.value


class IntakeForm(StaffReportForm):
    """What a clerk writes down for somebody on the telephone or at the counter: the words first, then the place, by
    search. Photos are for whoever stands before the thing."""

    photos = None  # type: ignore[assignment]  # Django's way to leave out a field of the form above
    place = forms.UUIDField(required=False)
    q = forms.CharField(
        label=_("在哪儿"),
        required=False,
        max_length=80,
        help_text=_("巷、村、牌上的编号、有人写过的地标，或者街巷长的名字。"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "type": "search", "aria-keyshortcuts": "Alt+2"}),
    )
    words = forms.CharField(
        label=_("对方的话"),
        strip=True,
        widget=words_area(9, autofocus=True, **{"aria-keyshortcuts": "Alt+1"}),
        help_text=_("照原话记，说清楚是什么、在哪儿就行。"),
        error_messages={"required": _("请写几个字，说明是什么事。")},
    )
    channel = forms.ChoiceField(
        label=_("怎么来的"),
        choices=[(one, one.label) for one in Channel if one in TAKEN_DOWN],
        widget=forms.RadioSelect,
        error_messages={
            "invalid_choice": _("请选这件事是怎么知道的。"),
            "required": _("请选这件事是怎么知道的。"),
        },
    )


class OrdersForm(forms.Form):
    """A workbook of another platform's orders, and whose it is."""

    county = forms.ChoiceField(label=_("哪个县"))
    source = forms.ChoiceField(label=_("哪个平台"), help_text=_("同一个平台的同一个编号只收一次。"))
    name = forms.CharField(
        label=_("平台名称"), required=False, max_length=40, help_text=_("选了“别的平台”才填。")
    )
    file = forms.FileField(
        label=_("工单表格"),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=_(".xlsx 或 .csv，最多 5 MB、5000 行。先逐行检查，您确认以后才写入。"),
        error_messages={
            "required": _("请选一个文件。"),
            "empty": _("这个文件是空的，请选有工单的文件。"),
        },
    )

    OTHER: Final = "-"

    def __init__(
        self, *args: Any, counties: Sequence[tuple[str, str]], sources: Sequence[tuple[str, str]], **more: Any
    ) -> None:
        super().__init__(*args, **more)
        fields: dict[str, Any] = self.fields
        fields["county"].choices = counties
        if len(counties) == 1:
            fields["county"].widget = forms.HiddenInput()
            fields["county"].initial = counties[0][0]
        fields["source"].choices = [*sources, (self.OTHER, _("别的平台"))]

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if file.size is None or file.size > MAX_SHEET_BYTES:
            raise ValidationError(_("文件超过 5 MB，请删去用不到的工作表和图片再试。"))
        return file

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("source") == self.OTHER and not data.get("name", "").strip():
            self.add_error("name", _("请写这个平台叫什么。"))
        return data


def give_fresh_id(form: forms.Form) -> None:
    """Make a bound form another report: what is typed stays, and sent once more it is no resend."""
    assert isinstance(form.data, QueryDict)  # of a request
    data = form.data.copy()
    data["client_id"] = str(new_id())
    form.data = data


def kept_ids(mark: str) -> list[UUID]:
    """The photos stored in an earlier try of the same form; none when the mark is missing, old or forged."""
    try:
        ids = signing.loads(mark, salt=KEPT_SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return []
    return [UUID(value) for value in ids][:MAX_PHOTOS]


class ComplaintForm(forms.Form):
    """Words about the service of those who answer here; private, so no photos and no place beyond the plate."""

    client_id = ClientIdField()
    words = forms.CharField(
        label=_("您的意见"),
        widget=words_area(6),
        error_messages={"required": _("请写几个字，说明是什么事。")},
    )
    name = forms.CharField(
        label=_("怎么称呼您"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    phone = ReportForm.base_fields["phone"]
    clean_phone = ReportForm.clean_phone


class PlateForm(forms.Form):
    plate = forms.CharField(
        label=_("公示牌编号"),
        max_length=20,
        help_text=_("印在二维码下面的 8 位字母和数字。"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "data-code": "4"}),
        error_messages={"required": _("请输入公示牌上的编号。")},
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("查询码"),
        max_length=40,
        help_text=_("回执上的 16 位数字，空格可有可无。"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "data-code": "4"}),
        error_messages={"required": _("请输入回执上的查询码。")},
    )


class MeTooForm(forms.Form):
    """“I saw it too”, from a plate; with a number to be told at, or without."""

    client_id = ClientIdField()
    phone = forms.CharField(required=False, max_length=20)
    clean_phone = ReportForm.clean_phone


class ReporterActForm(forms.Form):
    """What the holder of a receipt sends back."""

    act_id = ClientIdField()
    note = forms.CharField(required=False, widget=words_area(3))
    rating = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, choices=[(n, str(n)) for n in range(1, 6)]
    )


# What each act takes besides itself, in the order of its form.
ACT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "accept_case": (),
    "take_case": (),
    "claim_case": (),
    "arrive_case": (),
    "resolve_case": ("before", "after", "outcome", "note"),
    "handle_on_spot": ("before", "after", "outcome", "note"),
    "verify_case": ("passed", "note"),
    "close_case": ("note",),
    "assign_case": ("seat", "note"),
    "transfer_case": ("seat", "note"),
    "handle_together": ("seat", "note"),
    "finish_part": ("part", "note"),
    "hand_up_case": ("note",),
    "return_case": ("note",),
    "suspend_case": ("note", "days"),
    "resume_case": ("note",),
    "ask_extension": ("days", "note"),
    "decide_extension": ("approved", "note"),
    "supervise_case": ("note",),
    "answer_order": ("order", "note"),
    "merge_case": ("number", "note"),
    "decline_case": ("note", "where"),
    "reveal_contact": ("note",),
}
_HIDDEN: Final = ("act_id", "seen", "part", "order")


class YesNoField(forms.TypedChoiceField):
    """Two radio buttons; None where neither is chosen."""

    widget = forms.RadioSelect

    def __init__(self, *, yes: Any, no: Any, **more: Any) -> None:
        super().__init__(
            choices=[("yes", yes), ("no", no)],
            coerce=lambda value: value == "yes",
            empty_value=None,
            required=False,
            **more,
        )


class ActForm(forms.Form):
    """One act of staff, with the fields that it takes: of the page that offers it, and of the answer. `seen` is
    the matter's turn when the page was drawn. Whether anything may be missing is for the rules to say."""

    act_id = ClientIdField()
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    part = forms.UUIDField(required=False, widget=forms.HiddenInput)
    order = forms.UUIDField(required=False, widget=forms.HiddenInput)
    before = PhotosField(label=_("处理前照片"), required=False)
    after = PhotosField(label=_("处理后照片"), required=False)
    seat = forms.RegexField(
        r"^[0-9a-f-]{36}:[0-9a-f-]{36}$", label=_("由谁办"), required=False, widget=forms.Select
    )
    passed = YesNoField(label=_("核查结果"), yes=_("通过，已经解决"), no=_("没通过，退回处理人"))
    approved = YesNoField(label=_("您的决定"), yes=_("同意延期"), no=_("不同意，按原来的时限办"))
    # Any whole number: the rule says how many there may be.
    days = forms.IntegerField(
        required=False,
        min_value=-9999,
        max_value=9999,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "short"}),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), _("请写天数，只用数字。")),
    )
    number = forms.IntegerField(
        label=_("并入哪一件（编号）"),
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "short"}),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), _("编号只有数字，请对照事项页面核对。")
        ),
    )
    outcome = forms.ChoiceField(
        label=_("结果"),
        required=False,
        choices=Outcome.choices,
        help_text=_("已报警的只记这个结果，是谁、怎么处理由公安管，不写在这里。"),
        error_messages={"invalid_choice": _("请从列出的结果里选一个。")},
    )
    note = forms.CharField(label=_("说明"), required=False, widget=words_area(3))
    where = forms.CharField(
        label=_("可以去哪里办"),
        required=False,
        help_text=_("部门、窗口和电话；反映人会看到。"),
        widget=forms.TextInput(attrs={"maxlength": 200}),
    )

    def __init__(self, action: str, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        wanted = ("act_id", "seen", *ACT_FIELDS[action])
        for name in set(self.fields) - set(wanted):
            del self.fields[name]
        self.order_fields(list(wanted))

    def first_refusal(self) -> Refused:
        """What is wrong with the form, in words: at its field where somebody can mend it there."""
        for name, errors in self.errors.items():
            if name not in _HIDDEN:
                return Refused("invalid", str(errors[0]), field=name)
        return Refused("invalid", _("表单不完整，请刷新页面再试。"))
