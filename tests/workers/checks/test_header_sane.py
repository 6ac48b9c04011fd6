import pytest

from tests.workers.checks.opened import findings
from tests.workers.files import made
from workers.checks.header_sane import check


def test_it_works(tmp_path):
    assert findings(check, tmp_path, made.shapes({"w": [2]})) == []


@pytest.mark.parametrize(
    ("raw", "severity", "says"),
    [
        (made.framed("  {}"), "note", "white space"),
        (made.framed("{}"), "warning", "no tensors at all"),
        (made.shapes({"w": [0, 3]}), "warning", "Every tensor of the file is empty"),
        (made.framed("{}" + " " * (9 * 1024**2)), "warning", "header alone takes"),
    ],
    ids=["white space", "no tensors", "all empty", "long"],
)
def test_remarks(raw, severity, says, tmp_path):
    assert any(finding.severity == severity and says in finding.sentence for finding in findings(check, tmp_path, raw))
