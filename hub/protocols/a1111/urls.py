"""At the site root: some clients set the address's path themselves, so no prefix can work."""

from django.urls import path

from hub.protocols.a1111 import views

ROOT = "sdapi/v1/"
REFRESH = ("refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings")

urlpatterns = [
    path(f"{ROOT}txt2img", views.Txt2Img.as_view(), name="a1111-txt2img"),
    path(f"{ROOT}img2img", views.Img2Img.as_view(), name="a1111-img2img"),
    path(f"{ROOT}extra-single-image", views.ExtraSingleImage.as_view(), name="a1111-extra-single-image"),
    path(f"{ROOT}extra-batch-images", views.ExtraSingleImage.as_view(), name="a1111-extra-batch-images"),
    path(f"{ROOT}interrogate", views.Interrogate.as_view(), name="a1111-interrogate"),
    path(f"{ROOT}png-info", views.PngInfo.as_view(), name="a1111-png-info"),
    path(f"{ROOT}options", views.Options.as_view(), name="a1111-options"),
    path(f"{ROOT}progress", views.Progress.as_view(), name="a1111-progress"),
    path(f"{ROOT}interrupt", views.Interrupt.as_view(), name="a1111-interrupt"),
    path(f"{ROOT}skip", views.Interrupt.as_view(), name="a1111-skip"),
    *(path(f"{ROOT}{name}", views.Nothing.as_view(), name=f"a1111-{name}") for name in REFRESH),
    *(path(f"{ROOT}{name}", views.List.as_view(rows=rows), name=f"a1111-{name}") for name, rows in views.LISTS.items()),
    path(f"{ROOT}<path:rest>", views.unknown, name="a1111-unknown"),
]
