from django.apps import AppConfig


class InsightConfig(AppConfig):
    name = "xiangli.insight"
    label = "insight"
