from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "xiangli.kernel"
    label = "kernel"
