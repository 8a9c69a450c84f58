from django.apps import AppConfig


class TerritoryConfig(AppConfig):
    name = "xiangli.territory"
    label = "territory"
