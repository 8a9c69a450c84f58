from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "xiangli.accounts"
    label = "accounts"
