from django.apps import AppConfig


class MattersConfig(AppConfig):
    name = "xiangli.matters"
    label = "matters"

    def ready(self) -> None:
        from xiangli.matters.queries import describe, inbox, known_of, told_nothing
        from xiangli.notices.states import (
            register_barred,
            register_describer,
            register_knows,
            register_reach,
        )

        register_describer(describe)
        register_barred(told_nothing)
        register_reach(inbox)
        register_knows(known_of)
