"""One name from the address bar to the test: grep one word, see the slice."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from hub.accounts.names import NAME, RESERVED

PROJECT = Path(__file__).resolve().parents[2]
APPS = (
    "accounts",
    "catalog",
    "community",
    "gallery",
    "hooks",
    "imports",
    "leaving",
    "moderation",
    "prompts",
    "tryit",
    "uploads",
)


def routes(resolver: URLResolver, app: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, pattern.app_name or app)
        else:
            yield app, pattern


def addresses(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        address = before + str(pattern.pattern).lstrip("^")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, address)
        else:
            yield address


OURS = sorted({(app, p.name, p.lookup_str) for app, p in routes(get_resolver()) if app in APPS})


def test_it_works():
    assert len(OURS) > 20, "the apps are mounted"


@pytest.mark.parametrize(("app", "name", "view"), OURS, ids=[f"{app}:{name}" for app, name, _ in OURS])
def test_a_route_is_called_as_its_view_and_told_in_its_apps_tests(app, name, view):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name), "words joined by hyphens, the noun first"
    words = name.removeprefix("api-")
    spelled = {words.replace("-", "_"), "".join(word.title() for word in words.split("-"))}
    assert view.rsplit(".", 1)[1] in spelled, f"{view} answers {app}:{name}"
    assert view.startswith(f"hub.{app}."), "a route is served by its own app"
    tests = list((PROJECT / "tests" / "hub" / app).rglob("test_*.py"))
    told = spelled | {words, name}
    assert any(words.replace("-", "_") in path.stem or any(w in path.read_text() for w in told) for path in tests), (
        f"no test in tests/hub/{app}/ knows {name}"
    )


def test_no_person_is_called_like_an_address_of_the_hub():
    """A repository's page is /<owner>/<name>: an owner called as a page's first part would hide one of the two."""
    first = {address.split("/")[0] for address in addresses(get_resolver())}
    taken = {part for part in first if NAME.match(part)}
    assert taken <= RESERVED, sorted(taken - RESERVED)


@pytest.mark.parametrize("app", APPS)
def test_apps_have_the_same_file_names(app):
    """Read one app, and you can find your way in all: tables, questions, changes."""
    there = {path.name for path in (PROJECT / "hub" / app).glob("*.py")}
    assert {"models.py", "queries.py", "actions.py", "urls.py"} <= there


def test_pages_templates_lie_with_their_app():
    for app in APPS:
        for path in sorted((PROJECT / "hub" / app).glob("*.py")):
            for template in re.findall(r'"(\w+)/[\w/]+\.html', path.read_text()):
                allowed = {app, "components", "account", "mfa"}
                assert template in allowed or template in APPS, f"{path.name} of {app} renders {template}/"


def test_files_stay_short():
    """Under 500 lines, so that one can be read at a sitting."""
    for folder in ("hub", "workers", "tests"):
        for path in (PROJECT / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                assert len(path.read_text().splitlines()) < 500, path.relative_to(PROJECT)
