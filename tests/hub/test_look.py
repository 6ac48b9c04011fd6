"""The look of every page: one style sheet within its budget, nothing that a strict content security policy refuses."""

import gzip
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from django.test import Client
from django.utils import timezone

from hub import api_docs
from hub.templatetags import weightroom

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
CSS = settings.BASE_DIR / "static" / "css" / "weightroom.css"


def names(paths):
    return [str(path.relative_to(settings.BASE_DIR / "templates")) for path in paths]


class Offences(HTMLParser):
    """Collects what the policy would refuse: inline styles and scripts, handlers, addresses on other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        held = dict(attributes)
        self.found += [f"<{tag} {name}>" for name in held if name == "style" or name.startswith(("on", "hx-on"))]
        if tag == "style" or (tag == "script" and not held.get("src")):
            self.found.append(f"inline <{tag}>")
        for name in ("src", "srcset", "action"):
            if re.match(r"(https?:)?//", held.get(name) or ""):
                self.found.append(f'<{tag} {name}="{held[name]}">')
        if tag == "link" and re.match(r"(https?:)?//", held.get("href") or ""):
            self.found.append(f'<link href="{held["href"]}">')
        if (held.get("href") or "").startswith("javascript:") or (held.get("hx-vals") or "").startswith("js:"):
            self.found.append(f"script in an attribute of <{tag}>")


def offences(html: str) -> list[str]:
    parser = Offences()
    parser.feed(html)
    return parser.found


def test_it_works(client: Client, db):
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert b"weightroom.css" in page.content
    assert offences(page.content.decode()) == []


def test_offences_are_seen():
    html = '<p style="a" onclick="b"></p><script>c</script><img src="https://elsewhere.example/x"><a hx-on:click="d">'
    assert len(offences(html)) == 5


# A mail is read under no policy of ours, and has no style sheet.
OF_PAGES = [path for path in TEMPLATES if path.name != "mail.html"]


@pytest.mark.parametrize("path", OF_PAGES, ids=names(OF_PAGES))
def test_template_keeps_the_policy(path: Path):
    text = re.sub(r"{#.*?#}|{% comment %}.*?{% endcomment %}", "", path.read_text(), flags=re.DOTALL)
    assert offences(re.sub(r"{%.*?%}|{{.*?}}", "x", text, flags=re.DOTALL)) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=names(TEMPLATES))
def test_template_compiles(path: Path):
    engines["django"].get_template(str(path.relative_to(settings.BASE_DIR / "templates")))


PAGES = ["/", "/models", "/pictures", "/try", "/uploads/start", "/settings", "/settings/tokens", "/u/alice", "/sign-in"]


@pytest.mark.parametrize("address", PAGES)
def test_page_keeps_the_policy_and_its_weight(client: Client, alice, address: str):
    """As a stranger and signed in; a page refused or moved is looked at where it leads."""
    for signed_in in (False, True):
        if signed_in:
            client.force_login(alice)
        page = client.get(address, headers={"Accept": "text/html"}, follow=True)
        assert page.status_code == 200
        assert offences(page.content.decode()) == []
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert len(page.content) <= 40_000


def test_policy_is_strict(client: Client, db):
    policy = client.get("/api/docs").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for rule in ("script-src 'self'", "style-src 'self'", "object-src 'none'", "frame-ancestors 'none'"):
        assert rule in policy


def test_what_is_opened_by_itself_runs_nothing(client: Client, db, settings):
    settings.DEBUG = True  # static files straight from their folder
    drawing = client.get("/static/img/favicon.svg")
    assert drawing.headers["Content-Type"] == "image/svg+xml"
    policy = drawing.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(policy)
    assert not any(rule.startswith("script-src") or "unsafe" in rule for rule in policy)


def test_style_sheet_is_within_its_budget():
    assert len(gzip.compress(CSS.read_bytes())) <= 14_000


def test_shared_script_is_within_its_budget():
    assert len(gzip.compress((settings.BASE_DIR / "static/js/base.js").read_bytes())) <= 3_000


def test_first_page_assets_are_within_their_budget():
    """HTML and a page's own scripts have 150 KB less what every page loads."""
    every_page = [CSS, settings.BASE_DIR / "static/js/base.js", *(settings.BASE_DIR / "static/vendor").glob("htmx*.js")]
    assert sum(path.stat().st_size for path in every_page) <= 114_000


def test_style_sheet_closes_every_brace():
    text = re.sub(r"/\*.*?\*/", "", CSS.read_text(), flags=re.DOTALL)
    assert text.count("{") == text.count("}")


def test_vendored_files_are_the_ones_named():
    """`static/vendor/README.md` gives each file's digest."""
    import hashlib

    folder = settings.BASE_DIR / "static" / "vendor"
    told = (folder / "README.md").read_text()
    for path in folder.iterdir():
        if path.suffix == ".js":
            assert hashlib.sha256(path.read_bytes()).hexdigest() in told, path.name


def test_theme_comes_from_the_cookie(client: Client, db):
    client.cookies["theme"] = "dark"
    assert b'data-theme="dark"' in client.get("/api/docs").content
    client.cookies["theme"] = '"><script>'
    assert b'data-theme="' not in client.get("/api/docs").content


def test_nothing_here_offers_a_search(client: Client, db):
    page = client.get("/nowhere/ink-wash", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "/models?query=ink%20wash" in page.content.decode()


def test_hostile_address_is_shown_as_text(client: Client, db):
    page = client.get("/nowhere/%3Cscript%3Ealert(1)%3C%2Fscript%3E", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert offences(page.content.decode()) == []


def test_broken_page_needs_no_database(rf):
    """No `db` fixture here: a query would fail the test."""
    from hub.pages import broken

    page = broken(rf.get("/models", headers={"Accept": "text/html"}))
    assert page.status_code == 500
    assert b"trying again is safe" in page.content


def test_refusal_is_shown_as_page_and_as_fragment(rf):
    from hub.errors import NotAllowed, RefusedMiddleware

    refuse = RefusedMiddleware(lambda request: None).process_exception
    refused = NotAllowed("Only <mira> may publish this.")
    fragment = refuse(rf.get("/x", headers={"HX-Request": "true"}), refused)
    assert fragment.status_code == 403
    assert b"<html" not in fragment.content
    assert b"Only &lt;mira&gt; may publish this." in fragment.content


def test_signed_in_bar_has_a_way_out(client: Client, alice):
    client.force_login(alice)
    html = client.get("/api/docs").content.decode()
    assert "Sign out" in html
    assert "csrfmiddlewaretoken" in html


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("size", 18_600_000, "18.6 MB"),
        ("size", None, "0 bytes"),
        ("count", 982, "982"),
        ("count", 1_999, "1.9k"),
        ("count", 48_100, "48.1k"),
        ("count", 100_000, "100k"),
        ("count", 2_000_000, "2M"),
        ("short_hash", "9f3a61c07e2b84d5aa10c36f", "9f3a61c07e…c36f"),
        ("short_hash", "9F3A61C07E", "9F3A61C07E"),
        ("ordinal", 1, "1st"),
        ("ordinal", 2, "2nd"),
        ("ordinal", 11, "11th"),
        ("ordinal", 23, "23rd"),
        ("weight", 0.8, "0.8"),
        ("weight", 1, "1.0"),
        ("weight", 0.65, "0.65"),
        ("weight", -0.5, "−0.5"),
        ("weight", -0.001, "0.0"),
        ("plate", "LORA", "k-lora"),
        ("plate", "textual_inversion", "k-inversion"),
        ("plate", "TextualInversion", "k-inversion"),
        ("plate", "Checkpoint", "base"),
        ("plate", "<b>", "k-other"),
        ("kind_name", "lora", "LoRA"),
        ("kind_name", "textual_inversion", "Textual inversion"),
        ("about", 0.2, "about 1 s"),
        ("about", 4.2, "about 4 s"),
        ("about", 200, "about 3 min"),
        ("last_word", "/models/12/ink-wash_v2", "ink wash v2"),
        ("last_word", "/", ""),
    ],
)
def test_filter(name: str, value: object, told: str):
    assert getattr(weightroom, name)(value) == told


def test_a_template_breaks_between_its_choices():
    assert weightroom.breaking("a cat, (red:1.2) <b>") == "a cat, (red:1.2) &lt;b&gt;"
    told = weightroom.breaking("A {cat|<b> fox}, __light/evening_sky__")
    assert told == (
        'A <span class="whole">{cat|<wbr>&lt;b&gt; fox},</span> '
        '<span class="whole">__light/<wbr>evening_<wbr>sky__</span>'
    )


def test_ago():
    now = timezone.now()
    assert weightroom.ago(now) == "just now"
    assert weightroom.ago(now - timedelta(minutes=5)) == "5 minutes ago"
    assert weightroom.ago(now - timedelta(hours=1, minutes=1)) == "1 hour ago"
    assert weightroom.ago(now - timedelta(days=1, hours=1)) == "yesterday"
    assert weightroom.ago(now - timedelta(days=3, hours=1)) == "3 days ago"
    assert "20" in weightroom.ago(now - timedelta(days=30))
    assert weightroom.ago(None) == ""


def test_api_page_reads_a_schema():
    groups, shapes = api_docs.read(
        {
            "paths": {
                "/api/v1/things/{id}": {
                    "patch": {
                        "operationId": "thing_edit",
                        "description": "Change a thing.",
                        "security": [{"token": []}],
                        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                        "requestBody": {
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/T"}}}
                        },
                        "responses": {"200": {"description": "Changed", "content": {}}},
                    }
                }
            },
            "components": {
                "schemas": {
                    "T": {
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "parts": {"type": "array", "items": {"$ref": "#/components/schemas/T"}},
                        },
                    }
                }
            },
        }
    )
    call = groups[0].operations[0]
    assert (groups[0].name, call.method, call.title, call.public) == ("Things", "PATCH", "Change a thing", False)
    assert [(one.name, one.type, one.required) for one in call.body] == [
        ("name", "text", True),
        ("parts", "list of T", False),
    ]
    assert "$WEIGHTROOM_TOKEN" in call.curl
    assert '{"name": "…"}' in call.curl
    assert shapes[0].name == "T"


def test_pages_come_compressed_and_apis_do_not(client: Client, db):
    asks = {"accept-encoding": "gzip"}
    page = client.get("/sign-in", headers=asks)
    assert page["Content-Encoding"] == "gzip"
    assert b"weightroom.css" in gzip.decompress(page.content)
    assert "Content-Encoding" not in client.get("/sign-in")
    assert "Content-Encoding" not in client.get("/api/v1/models?limit=100", headers=asks)
