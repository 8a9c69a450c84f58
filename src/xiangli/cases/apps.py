from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "xiangli.cases"
    label = "cases"

    def ready(self) -> None:
        from xiangli.cases.queries import topic_labels
        from xiangli.cases.states import TABLE, State
        from xiangli.matters.states import Workflow, register_workflow

        register_workflow(
            Workflow(
                code="case", table=TABLE, states=dict(State.choices), page="cases:case", topics=topic_labels
            )
        )
