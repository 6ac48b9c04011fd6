from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401
from tests.hub.prompts.conftest import lighthouse  # noqa: F401
