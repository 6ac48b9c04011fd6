"""Stories of files held back and let go: uploads as in `tests.hub.uploads`, and who moderates."""

import pytest
from django.test import Client

from hub.uploads.models import Upload
from tests.hub.uploads.conftest import Api, Mail, api, mail, random_file, report  # noqa: F401  fixtures
from tests.hub.uploads.test_upload_inspected import answer
from workers.messages import Finding

ROOT = "/api/v1/moderation"
DANGER = Finding("danger", "The header promises more data than the file holds.")


@pytest.fixture
def monas(mona) -> Api:
    return Api(mona, ROOT)


@pytest.fixture
def adams(adam) -> Api:
    return Api(adam, ROOT)


@pytest.fixture
def monas_page(mona) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(mona)
    return client


def refused(api: Api, data: bytes, **more) -> Upload:  # noqa: F811
    """An upload that the inspectors refuse."""
    upload = api.arrive(data, **more)
    answer(report(upload, data, verdict="refused", findings=(DANGER,)))
    upload.refresh_from_db()
    return upload


def accepted(api: Api, data: bytes, **fields) -> Upload:  # noqa: F811
    """An upload that they accept; published unless said otherwise."""
    upload = api.arrive(data, fields={"model_name": "Linocut", "publish": True} | fields)
    answer(report(upload, data))
    upload.refresh_from_db()
    return upload


def downloads(person=None):
    """The status that ``person`` (None: a stranger) gets for a file."""

    def status(file) -> int:
        client = Client()
        if person is not None:
            client.force_login(person)
        return client.get(f"/api/download/models/{file.version_id}").status_code

    return status
