import hashlib

import pytest
from django.conf import settings as hub_settings

from hub import storage
from hub.gallery.actions import picture_add
from tests.hub.tryit import world
from tests.hub.tryit.conftest import finish  # noqa: F401  fixture
from workers.messages import Drawn, Recipe, Use, picture_key

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.fixture
def nano(alice):
    return world.version(alice, "Nano", "base")


@pytest.fixture
def linocut(alice, nano):
    return world.version(alice, "Linocut", "lora", trigger_words=["lnct print"], weight=0.8)


@pytest.fixture
def draw(nano, linocut):
    """A picture that a worker drew, its bytes in the real store."""

    def make(owner, *, visible=False, salt="", stored=False, **changes):
        uses = (Use(kind="lora", sha256=world.sha(linocut), weight=0.8, name="Linocut"),)
        fields = {"prompt": f"a cat {salt}", "uses": uses, "width": 128, "height": 128, "seed": 7} | changes
        recipe = Recipe(base=world.sha(nano), base_family="sd1", base_name="Nano", **fields)
        body = PNG + salt.encode()
        sha256 = hashlib.sha256(body).hexdigest()
        if stored:
            client = storage.client()
            client.put_object(Bucket=hub_settings.S3_PICTURES_BUCKET, Key=picture_key(sha256), Body=body)
        drawn = Drawn(sha256=sha256, width=128, height=128, seed=7, bytes=len(body))
        return picture_add(owner=owner, drawn=drawn, recipe=recipe, seconds=1.5, visible=visible)

    return make
