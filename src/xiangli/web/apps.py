from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "xiangli.web"
    label = "web"
