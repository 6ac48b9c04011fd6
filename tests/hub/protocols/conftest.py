import base64
import io
import threading
import time

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from hub import storage
from hub.accounts.actions import token_create
from hub.gallery import recipes
from hub.gallery.models import SentPicture
from hub.tryit.models import Generation
from hub.tryit.tasks import generated
from tests.hub.tryit import world
from workers import sent_pictures
from workers.messages import Drawn, Failed, Generated, ImageInspected, InspectImage, pack, picture_key


@pytest.fixture
def nano(alice):
    return world.version(alice, "Nano", "base")


@pytest.fixture
def linocut(alice, nano):
    return world.version(alice, "Linocut", "lora", trigger_words=["lnct print"], weight=0.8)


@pytest.fixture
def token_of():
    def make(user, *scopes):
        return token_create(user=user, name="script", scopes=scopes or ["generate"])[1]

    return make


class Program:
    """A program with its token, by Bearer or as the password of Basic."""

    def __init__(self, token="", basic=False):
        login = base64.b64encode(f"anybody:{token}".encode()).decode()
        self.headers = {"Authorization": f"Basic {login}" if basic else f"Bearer {token}"} if token else {}
        self.client = Client(headers=self.headers)

    def get(self, path, **params):
        return self.client.get(path, params)

    def post(self, path, body=None, **more):
        return self.client.post(path, {} if body is None else body, content_type="application/json", **more)


@pytest.fixture
def program(token_of):
    return lambda user, *scopes, basic=False: Program(token_of(user, *scopes), basic)


@pytest.fixture
def worker():
    """Answers what is in line as a worker does, from another thread: with a real PNG in the store, or ``fails``."""

    class Worker:
        fails = None
        seen: list = []

    stop, answering = threading.Event(), Worker()
    answering.seen = []
    thread = threading.Thread(target=_answers, args=(stop, answering), daemon=True)
    thread.start()
    yield answering
    stop.set()
    thread.join()


def _answers(stop, worker):
    from PIL import Image

    try:
        while not stop.wait(0.05):
            for row in SentPicture.objects.filter(status="reading"):
                asked = InspectImage(
                    upload_id=str(row.pk), attempt=row.attempt, key=row.key, name=row.name, size=row.size, keep=True
                )
                answer = sent_pictures.inspect_image(asked)
                (image_inspected if isinstance(answer, ImageInspected) else image_failed)(answer)
            for generation in Generation.objects.filter(status="queued"):
                worker.seen.append(recipes.read(generation.recipe))
                if worker.fails:
                    failed = Failed(id=str(generation.pk), attempt=generation.attempt, code="x", sentence=worker.fails)
                    generated(pack(failed))
                    continue
                drawn = []
                for number in range(generation.count):
                    buffer = io.BytesIO()
                    seed = generation.recipe["seed"] + number
                    Image.new("RGB", (64, 64), (seed % 256, number, 7)).save(buffer, "PNG")
                    digest = put(buffer.getvalue())
                    drawn.append(Drawn(sha256=digest, width=64, height=64, seed=seed, bytes=1))
                answer = Generated(
                    generation_id=str(generation.pk), attempt=generation.attempt, pictures=tuple(drawn), seconds=0.1
                )
                generated(pack(answer))
            time.sleep(0)
    finally:
        connection.close()


def image_inspected(answer):
    from hub.gallery import sent

    sent.picture_inspected(answer)


def image_failed(answer):
    from hub.gallery import sent

    sent.picture_failed(answer)


def png(colour=(10, 20, 30), size=(64, 64)):
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def put(png):
    import hashlib

    digest = hashlib.sha256(png).hexdigest()
    storage.client().put_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(digest), Body=png)
    return digest
