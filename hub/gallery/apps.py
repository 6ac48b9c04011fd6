from django.apps import AppConfig


class GalleryConfig(AppConfig):
    name = "hub.gallery"
    label = "gallery"
