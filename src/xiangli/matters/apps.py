from django.apps import AppConfig


class MattersConfig(AppConfig):
    name = "xiangli.matters"
    label = "matters"

    def ready(self) -> None:
        from xiangli.matters.queries import describe
        from xiangli.notices.states import register_describer

        register_describer(describe)
