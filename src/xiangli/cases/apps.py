from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "xiangli.cases"
    label = "cases"

    def ready(self) -> None:
        from xiangli.cases.actions import move_cases, move_leaving, preview_cases, preview_leaving
        from xiangli.cases.actions.bulk import assign_one, offer_posts, plan_assigning
        from xiangli.cases.queries import topic_labels
        from xiangli.cases.queries.nets import topics_now
        from xiangli.cases.states import (
            ASSIGN_CASE,
            BEGINS,
            GROUP_NEWS,
            NOTICE_WORDS,
            OPEN_STATES,
            REPORTER_TEMPLATES,
            TABLE,
            URGENT,
            VERBS,
            State,
        )
        from xiangli.matters.states import Bulk, Workflow, register_workflow
        from xiangli.notices.states import (
            register_group_news,
            register_templates,
            register_urgent,
            register_words,
        )
        from xiangli.territory.actions import register_leaving, register_mover, register_previewer
        from xiangli.territory.states import register_verbs

        register_words(NOTICE_WORDS)
        register_templates(REPORTER_TEMPLATES, reporter=True)
        register_group_news(GROUP_NEWS)
        register_urgent(URGENT)
        register_mover(move_cases)
        register_previewer(preview_cases)
        register_leaving(preview_leaving, move_leaving)
        register_verbs(VERBS)
        register_workflow(
            Workflow(
                code="case",
                table=TABLE,
                states=dict(State.choices),
                begins=BEGINS,
                page="cases:case",
                topics=topic_labels,
                waits=OPEN_STATES,
                topics_on=topics_now,
                bulk=Bulk(
                    permission=ASSIGN_CASE,
                    label=TABLE[ASSIGN_CASE].label,
                    offers=offer_posts,
                    plan=plan_assigning,
                    apply=assign_one,
                ),
            )
        )
