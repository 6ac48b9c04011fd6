import logging
from datetime import timedelta

import pytest
from django.conf import settings
from gunicorn.config import Config

from hub.accounts import tokens
from hub.accounts.logs import AccessLogger, Line, ScrubTokens, scrub
from tests.hub.accounts.conftest import bearer

TOKEN = tokens.make()
SIGNED = (
    "http://store:8333/b/blobs/ab/abc?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIASECRET%2F20261122&"
    "X-Amz-Expires=300&X-Amz-Signature=deadbeefcafe&x-id=GetObject"
)
SECRETS = [
    (f"/api/download/models/1?token={TOKEN}&type=Model", TOKEN),
    (f"/sign-in?next=/api/private%3Ftoken%3D{TOKEN}%26a%3D1", TOKEN),
    ("/api/v1/models?limit=1&TOKEN=hunter2hunter2", "hunter2"),
    ("/api/v1/models?token=hunter2%26x", "hunter2"),
    (f"Authorization: Bearer {TOKEN}", TOKEN),
    ("Authorization: bearer hunter2hunter2", "hunter2"),
    ("{'HTTP_AUTHORIZATION': 'Basic aHVudGVyMjpodW50ZXIy'}", "aHVudGVy"),
    (f"token {TOKEN}.", TOKEN),
    (SIGNED, "deadbeefcafe"),
    (SIGNED, "AKIASECRET"),
    ("redis://:hunter2@127.0.0.1:6379/0", "hunter2"),
    ("postgresql://weightroom:hunter2@db/weightroom", "hunter2"),
    ("GET /reset/3-cx1abc-0123456789abcdef HTTP/1.1", "0123456789abcdef"),
    ("POST /confirm-email/MQ:1abc:signature HTTP/1.1", "signature"),
]


def written(record: logging.LogRecord, formatter: logging.Formatter) -> str:
    return formatter.format(record)


@pytest.mark.parametrize(("text", "secret"), SECRETS, ids=range(len(SECRETS)))
def test_it_works(text, secret):
    assert secret not in scrub(text)
    assert "…" in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "/models?query=token&tag=key",
        "/reset/3-set-password",
        "http://127.0.0.1:8000/models?cursor=abc",
        "token_create made one",
        "Bad Request: /api/v1/tokens",
        "mail to alice@example.org",
    ],
)
def test_the_rest_stays(text):
    assert scrub(text) == text


def test_arguments_and_tracebacks_too():
    try:
        raise RuntimeError(f"GET {SIGNED} failed for {TOKEN}")
    except RuntimeError:
        import sys

        record = logging.LogRecord("hub", logging.ERROR, "", 1, "at %s", (f"/x?token={TOKEN}",), sys.exc_info())
    line = written(record, Line("%(message)s"))
    assert "RuntimeError" in line
    assert TOKEN not in line
    assert "deadbeefcafe" not in line


def test_the_filter_scrubs_for_other_formatters():
    record = logging.LogRecord("hub", logging.INFO, "", 1, "at %s", (f"/x?token={TOKEN}",), None)
    assert ScrubTokens().filter(record)
    assert TOKEN not in logging.Formatter("%(message)s").format(record)


def test_the_settings_use_it():
    assert settings.LOGGING["formatters"]["line"]["()"] == "hub.accounts.logs.Line"
    assert all(handler["formatter"] == "line" for handler in settings.LOGGING["handlers"].values())


def test_no_request_writes_a_token(client, alice, token_of, capsys, settings):
    """Whatever comes of it: refused, not found, broken."""
    token = token_of(alice)
    line = Line("%(levelname)s %(name)s %(message)s")
    kept: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(line.format(record))

    handler = Keep()
    logging.getLogger().addHandler(handler)
    try:
        client.raise_request_exception = False
        client.post(f"/api/v1/tokens?token={token}", {}, content_type="application/json")
        client.get(f"/api/v1/nothing-here?token={token}")
        client.get(f"/nothing/{token}")
        client.get("/api/v1/tokens", **bearer(token))
        client.get(f"/api/v1/tokens?token={token}", HTTP_HOST="evil.example")
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(kept) >= 3
    assert token not in "\n".join(kept)


class Answer:
    status, sent, response_length = "200 OK", 5, 5
    headers = [("Location", SIGNED)]


class Asked:
    headers = [("AUTHORIZATION", f"Bearer {TOKEN}"), ("REFERER", f"http://hub/x?token={TOKEN}")]


def test_gunicorns_access_log(tmp_path):
    log = tmp_path / "access.log"
    config = Config()
    config.set("accesslog", str(log))
    config.set("errorlog", str(tmp_path / "error.log"))
    config.set("access_log_format", '%(h)s "%(r)s" %(U)s %(q)s %(s)s "%(f)s" %({authorization}i)s %({location}o)s')
    logger = AccessLogger(config)
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"/api/v1/models?token={TOKEN}",
        "PATH_INFO": "/api/v1/models",
        "QUERY_STRING": f"token={TOKEN}",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": f"http://hub/x?token={TOKEN}",
        "REMOTE_ADDR": "127.0.0.1",
    }
    logger.access(Answer(), Asked(), environ, timedelta(seconds=0.1))
    logger.error("Error handling request %s", f"/x?token={TOKEN}")
    text = log.read_text() + (tmp_path / "error.log").read_text()
    assert "/api/v1/models" in text
    assert "Error handling request" in text
    for secret in (TOKEN, TOKEN[:20], "deadbeefcafe"):
        assert secret not in text


def test_the_referer_goes_nowhere_else(client, db):
    assert client.get("/sign-in")["Referrer-Policy"] == "same-origin"
