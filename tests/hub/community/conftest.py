from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401
