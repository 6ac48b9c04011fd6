from django.apps import AppConfig


class TryitConfig(AppConfig):
    name = "hub.tryit"
    label = "tryit"
