"""What is to be printed."""

from django import forms

from xiangli.territory.models import PrintKind
from xiangli.territory.queries import SIZES, Which


class PrintForm(forms.Form):
    """Plates or boards, on which paper, and which of them."""

    kind = forms.ChoiceField(choices=PrintKind.choices)
    size = forms.ChoiceField(choices=[(size, size.upper()) for size in SIZES], required=False)
    which = forms.ChoiceField(choices=[(which, which) for which in Which])

    def clean_size(self) -> str:
        size: str = self.cleaned_data["size"] or SIZES[0]  # a board has one size
        return size
