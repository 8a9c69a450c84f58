from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "xiangli.notices"
    label = "notices"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from xiangli.notices.states import register_words

        register_words({"hand_over_delivery": _("有一条消息没有送到，请您当面或打电话告知有关的人")})
