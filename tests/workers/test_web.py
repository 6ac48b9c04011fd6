"""Other servers, asked for real: on loopback, which only a named exception allows."""

import datetime
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.workers.elsewhere import Elsewhere
from workers import lines, resolving, settings, web
from workers.addresses import DEFAULT_HOSTS, BadAddress


@pytest.fixture
def there(monkeypatch):
    with Elsewhere() as server:
        monkeypatch.setattr(settings, "IMPORT_HOSTS", [server.origin])
        yield server


def test_it_works(there):
    there.says("/api/v1/models/1", {"id": 1})
    assert web.json(f"{there.origin}/api/v1/models/1") == {"id": 1}
    sent = there.seen[0].headers
    assert sent["host"] == f"127.0.0.1:{there.port}"
    assert sent["accept-encoding"] == "identity"
    assert not {"authorization", "cookie", "proxy-authorization"} & set(sent)


def test_by_default_this_machine_is_not_asked(there, monkeypatch):
    monkeypatch.setattr(settings, "IMPORT_HOSTS", DEFAULT_HOSTS.split(","))
    with pytest.raises(BadAddress):
        web.json(f"{there.origin}/api/v1/models/1")
    assert there.seen == []


def test_a_public_name_that_leads_into_the_network_is_not_asked(monkeypatch):
    monkeypatch.setattr(settings, "IMPORT_HOSTS", ["*"])
    for ips in (["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:169.254.169.254"], ["fe80::1"]):
        monkeypatch.setattr(resolving, "lookup", lambda host, port, ips=ips: ips)
        with pytest.raises(BadAddress, match="private network"):
            web.json("https://evil.example/x")


def test_a_name_is_asked_for_once_and_the_checked_address_is_connected_to(there, monkeypatch):
    """A rebinding server: public when it is looked at, this machine a moment later."""
    answers, asked, connected = [["8.8.8.8"], ["127.0.0.1"]], [], []
    monkeypatch.setattr(settings, "IMPORT_HOSTS", ["evil.example"])
    monkeypatch.setattr(resolving, "lookup", lambda host, port: asked.append(host) or answers.pop(0))

    def connect(connection):
        connected.append(connection.host)
        raise OSError("nothing leaves this machine")

    monkeypatch.setattr(lines._Secure, "connect", connect)
    with pytest.raises(web.Elsewhere, match="does not answer"):
        web.json("https://evil.example/x")
    assert (asked, connected) == (["evil.example"], ["8.8.8.8"])


@pytest.mark.parametrize(
    "where",
    [
        "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "https://localhost/", "file:///etc/passwd",
        "//[::1]/", "http://2130706433/", "gopher://x/", "http://user@127.0.0.1/", "https://unlisted.example/",
    ],
)  # fmt: skip
def test_redirects_are_looked_at_like_the_first_address(there, where):
    there.leads("/x", where)
    with pytest.raises(BadAddress):
        web.json(f"{there.origin}/x")
    assert len(there.seen) == 1


def test_redirects_without_end(there):
    there.leads("/x", "/x")
    with pytest.raises(web.Elsewhere, match="without end"):
        web.json(f"{there.origin}/x")
    assert len(there.seen) == web.HOPS + 1


def test_a_token_goes_to_its_server_and_to_nobody_else(there, monkeypatch):
    with Elsewhere() as store:
        monkeypatch.setattr(settings, "IMPORT_HOSTS", [there.origin, store.origin])
        there.leads("/file", "/moved")
        there.leads("/moved", f"{store.origin}/bytes", 307)
        store.leads("/bytes", f"{store.origin}/more")
        store.says("/more", {"ok": True})
        assert web.json(f"{there.origin}/file", token="secret", server=there.origin) == {"ok": True}
        assert [request.headers.get("authorization") for request in there.seen] == ["Bearer secret"] * 2
        assert [request.headers.get("authorization") for request in store.seen] == [None, None]
        # asked of another server from the start, it stays here too
        web.json(f"{store.origin}/more", token="secret", server=there.origin)
        assert "authorization" not in store.seen[-1].headers


def test_refusals_of_others_are_told_in_their_words(there):
    there.says("/x", {"error": "Unauthorized", "message": "Sign in\x00 first\n"}, status=401)
    with pytest.raises(web.Elsewhere, match=r"asks for a sign-in or does not allow it: Sign in first\.$") as refusal:
        web.json(f"{there.origin}/x")
    assert not refusal.value.retry
    there.says("/x", {}, status=503)
    with pytest.raises(web.Elsewhere) as refusal:
        web.json(f"{there.origin}/x")
    assert refusal.value.retry


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({"Content-Encoding": "gzip"}, b"x", "packs"),
        ({}, b"<html>", "as such a server does"),
        ({}, b"[" * 100_000, "as such a server does"),
        ({"Content-Length": "500"}, b"{}", "broke off"),
        ({}, b" " * (web.JSON_BYTES + 1), "more than"),
    ],
)
def test_answers_that_are_none(there, headers, body, words):
    there.routes["/x"] = lambda here, _: here.answer(200, body, headers)
    with pytest.raises(web.Elsewhere, match=words):
        web.json(f"{there.origin}/x")


def test_a_server_that_dawdles_is_left(there, monkeypatch):
    monkeypatch.setattr(web, "SLOWEST_SECONDS", 0.2)

    def drips(here, _):
        here.send_response(200)
        here.end_headers()
        for _ in range(200):
            here.wfile.write(b" ")
            time.sleep(0.02)

    there.routes["/x"] = drips
    with pytest.raises(web.Elsewhere, match="next to nothing"):
        web.json(f"{there.origin}/x")


def test_headers_that_trickle_in_have_an_end(there, monkeypatch):
    monkeypatch.setattr(web, "HEADERS_SECONDS", 0.3)

    def trickles(here, _):
        for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 300:
            here.wfile.write(bytes([letter]))
            time.sleep(0.02)

    there.routes["/x"] = trickles
    with pytest.raises(web.Elsewhere, match="does not answer"):
        web.json(f"{there.origin}/x")


@pytest.fixture
def certificate(tmp_path):
    """A certificate for hub.example, signed by itself."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub.example")]),
    )
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hub.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "hub.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(pem))
    return path


def test_by_https_the_certificate_is_held_against_the_name(certificate, monkeypatch):
    """Connected to by its checked address, known by its name."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with Elsewhere(tls=tls) as server:
        names = [f"https://hub.example:{server.port}", f"https://other.example:{server.port}"]
        monkeypatch.setattr(settings, "IMPORT_HOSTS", names)
        monkeypatch.setattr(resolving, "lookup", lambda host, port: ["127.0.0.1"])
        monkeypatch.setattr(lines, "_trust", lambda: ssl.create_default_context(cafile=str(certificate)))
        server.says("/x", {"ok": True})
        assert web.json(f"{names[0]}/x") == {"ok": True}
        assert server.seen[0].headers["host"] == f"hub.example:{server.port}"
        with pytest.raises(web.Elsewhere, match=r"cannot prove that it is other\.example"):
            web.json(f"{names[1]}/x")
        monkeypatch.setattr(lines, "_trust", ssl.create_default_context)
        with pytest.raises(web.Elsewhere, match="cannot prove"):
            web.json(f"{names[0]}/x")


def test_a_handshake_that_never_ends_is_cut(monkeypatch):
    """Each byte of it comes in time; the whole does not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        origin = f"https://hub.example:{port}"
        monkeypatch.setattr(settings, "IMPORT_HOSTS", [origin])
        monkeypatch.setattr(resolving, "lookup", lambda host, port: ["127.0.0.1"])
        monkeypatch.setattr(web, "HEADERS_SECONDS", 0.3)
        with pytest.raises(web.Elsewhere):
            web.json(f"{origin}/x")
