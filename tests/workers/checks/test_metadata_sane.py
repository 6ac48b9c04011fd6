import pytest

from tests.workers.checks.opened import findings
from tests.workers.files import made
from workers.checks.metadata_sane import check


def looked(folder, metadata):
    return findings(check, folder, made.shapes({"w": [1]}, metadata))


def test_it_works(tmp_path):
    honest = {
        "ss_network_dim": "8",
        "sshs_model_hash": "0xAB" + "0" * 62,
        "ss_sd_model_hash": "None",
        "note": "a < b\nc",
    }
    assert looked(tmp_path, honest) == []


def test_markup_in_a_hash_refuses(tmp_path):
    (finding,) = looked(tmp_path, {"sshs_model_hash": '"><img src=x onerror=alert(1)>'})
    assert finding.severity == "danger"
    assert "sshs_model_hash" in finding.sentence
    assert "onerror" in finding.evidence


def test_a_hash_that_is_none_is_dropped_and_told(tmp_path):
    (finding,) = looked(tmp_path, {"modelspec.hash_sha256": "my favourite model"})
    assert (finding.severity, "not a hash" in finding.sentence) == ("warning", True)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("hello <script>alert(1)</script>", "HTML"),
        ("see javascript:alert(1)", "HTML"),
        ("\u202egnp.exe", "reading direction"),
        ("\x1b[31mred", "control characters"),
        ("nul\x00", "control characters"),
    ],
)
def test_hostile_text_is_warned_of(value, says, tmp_path):
    (finding,) = looked(tmp_path, {"ss_training_comment": value})
    assert finding.severity == "warning"
    assert says in finding.sentence
    assert finding.evidence.startswith("ss_training_comment: ")


def test_hostile_text_is_found_behind_much_that_is_honest(tmp_path):
    tags = "a tag, " * 30_000
    (found,) = findings(check, tmp_path, made.shapes({"w": [1]}, {"ss_tag_frequency": f"{tags}<img src=x onerror=y>"}))
    assert found.public


def test_a_hostile_key_is_seen_as_well(tmp_path):
    assert "HTML" in looked(tmp_path, {"<script>": "1"})[0].sentence


def test_twenty_megabytes_are_warned_of(tmp_path):
    (finding,) = looked(tmp_path, {"ss_tag_frequency": "x" * 20_000_001})
    assert "20,000,017 letters" in finding.sentence
