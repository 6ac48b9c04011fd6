import pytest

from tests.workers.checks.opened import findings
from tests.workers.files import made
from workers.checks.names_sane import check


def test_it_works(tmp_path):
    honest = [
        "lora_unet_down_blocks_0.lora_up.weight",
        "first_stage_model.decoder.conv_in.bias",
        "<my-token>",
        "v1..2",
        "*",
    ]
    assert findings(check, tmp_path, made.shapes({name: [1] for name in honest})) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../../etc/passwd", "path out of a folder"),
        ("C:\\windows\\w", "path out of a folder"),
        ("/etc/passwd", "path out of a folder"),
        ("<img src=x onerror=alert(1)>", "holds HTML"),
        ("w\u202egnp.exe", "reading direction"),
        ("w\x00eight", "control characters"),
        ("w" * 1_000_000, "longer than 512"),
        (" ", "is blank"),
    ],
)
def test_a_trap_is_warned_of(name, says, tmp_path):
    (finding,) = findings(check, tmp_path, made.shapes({name: [1], "ok": [1]}))
    assert finding.severity == "warning"
    assert says in finding.sentence
    assert len(finding.evidence) <= 200
    assert finding.evidence.isprintable()


def test_many_are_one_finding(tmp_path):
    (finding,) = findings(check, tmp_path, made.shapes({f"../{n}": [1] for n in range(30)}))
    assert finding.sentence == "30 tensors' names look like paths out of a folder."
