from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "xiangli.config"
    label = "config"
