from django.apps import AppConfig


class HooksConfig(AppConfig):
    name = "hub.hooks"
    label = "hooks"
