from django.apps import AppConfig


class PromptsConfig(AppConfig):
    name = "hub.prompts"
    label = "prompts"
