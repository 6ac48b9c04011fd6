"""Every setting is in infra/env.example with its reason, and nothing stands there that nobody reads."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
READERS = ["hub/settings.py", "workers/settings.py", "hub/embedded.py", "hub/supervisor.py"]
READERS += ["hub/management/commands/storage_prepare.py", "hub/management/commands/demo_content.py"]
READ_BY = r"\benv(?:_int|_bool|_list)?\(|environ\.get\(|environ\[|\bgiven\("
CALLS = rf"""(?:{READ_BY})\s*["']([A-Z][A-Z0-9_]+)["']"""
# Made by `up` for its own programs, or set by the tests: not for operators.
OWN = {"STORE_ORIGINS", "DEMO_ADDRESS", "TEST_DATABASE", "GOMEMLIMIT", "DJANGO_SETTINGS_MODULE"}


def read() -> set[str]:
    return {name for path in READERS for name in re.findall(CALLS, (PROJECT / path).read_text())} - OWN


def told() -> dict[str, str]:
    """Name → the comment above it, in infra/env.example."""
    found, comment = {}, ""
    for line in (PROJECT / "infra" / "env.example").read_text().splitlines():
        if match := re.match(r"#?([A-Z][A-Z0-9_]+)=", line):
            found[match[1]] = comment
        else:
            comment = line.lstrip("# ") if line.startswith("# ") else comment if line else ""
    return found


def test_it_works():
    assert {"DATABASE_URL", "WORKER_DEVICE", "PORT"} <= read()


def test_every_setting_is_told():
    assert read() - set(told()) == set()


def test_nothing_told_is_without_a_reader():
    assert set(told()) - read() == set()


def test_each_has_a_reason():
    assert [name for name, reason in told().items() if len(reason) < 10] == []
