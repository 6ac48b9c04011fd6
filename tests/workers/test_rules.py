"""Which rules judge a file: a name that changes with them."""

import shutil

import pytest

from workers import rules


def test_it_works():
    assert len(rules.current()) == 12
    assert rules.current() == rules.current()


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The rules' sources, to be changed."""
    here = rules.Path(rules.__file__).parent
    for name in rules.SOURCES:
        if (here / name).is_dir():
            shutil.copytree(here / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (here / name).exists():
            shutil.copy(here / name, tmp_path / name)
    monkeypatch.setattr(rules, "__file__", str(tmp_path / "rules.py"))
    return tmp_path


def test_a_changed_or_new_check_is_another_set_of_rules(copied):
    name = rules.current.__wrapped__
    before = name()
    assert before == rules.current()  # a copy judges the same
    check = copied / "checks" / "polyglot.py"
    check.write_text(check.read_text() + "\n# mended\n")
    mended = name()
    (copied / "checks" / "one_more.py").write_text("")
    assert len({before, mended, name()}) == 3


def test_a_scanner_s_version_counts(monkeypatch):
    name = rules.current.__wrapped__
    seen = set()
    for version in ("1.0.5", "1.0.6"):
        monkeypatch.setattr(rules, "version", lambda scanner, version=version: version)
        seen.add(name())
    assert len(seen) == 2
