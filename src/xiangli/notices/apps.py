from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "xiangli.notices"
    label = "notices"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from xiangli.notices.states import RETRY_DELIVERY, register_words
        from xiangli.territory.states import register_verbs

        register_verbs({RETRY_DELIVERY: _("处理没有送到的消息")})
        register_words({"hand_over_delivery": _("有一条消息没有送到，请您当面或打电话告知有关的人")})
