from django.apps import AppConfig


class MattersConfig(AppConfig):
    name = "xiangli.matters"
    label = "matters"
