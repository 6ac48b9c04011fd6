from django.apps import AppConfig


class LeavingConfig(AppConfig):
    name = "hub.leaving"
    label = "leaving"
