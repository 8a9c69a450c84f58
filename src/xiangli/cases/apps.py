from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "xiangli.cases"
    label = "cases"

    def ready(self) -> None:
        from xiangli.cases.actions import move_cases
        from xiangli.cases.queries import topic_labels
        from xiangli.cases.states import BEGINS, NOTICE_WORDS, TABLE, State
        from xiangli.matters.states import Workflow, register_workflow
        from xiangli.notices.states import register_words
        from xiangli.territory.actions import register_mover

        register_words(NOTICE_WORDS)
        register_mover(move_cases)
        register_workflow(
            Workflow(
                code="case",
                table=TABLE,
                states=dict(State.choices),
                begins=BEGINS,
                page="cases:case",
                topics=topic_labels,
            )
        )
