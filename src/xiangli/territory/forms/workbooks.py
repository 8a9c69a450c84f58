"""The form by which somebody brings a table."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class TableForm(forms.Form):
    """A table of appointments or units."""

    file = forms.FileField(
        label=_("表格"),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=_(".xlsx 或 .csv，最多 5 MB、20000 行。先逐行检查，您确认以后才写入。"),
        error_messages={
            "required": _("请选一个文件。"),
            "empty": _("这个文件是空的，请选填好的表格。"),
        },
    )
