from django.apps import AppConfig


class OperatorConfig(AppConfig):
    name = "hub.operator"
    label = "operator"
