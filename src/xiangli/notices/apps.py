from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "xiangli.notices"
    label = "notices"
