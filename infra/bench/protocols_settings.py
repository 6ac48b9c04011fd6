"""The hub's settings with `bare` among its addresses."""

from hub.settings import *  # noqa: F403

ROOT_URLCONF = "infra.bench.protocols_urls"
