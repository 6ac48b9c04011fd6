"""A share of what `make fuzz` runs a million of: files that nobody would write, for every reader."""

import pytest

from infra import fuzz

CASES = 25_000  # of each of four formats; pictures take longer


@pytest.mark.parametrize("name", sorted(fuzz.found()))
def test_no_file_breaks_a_reader(name):
    format = fuzz.found()[name]
    result = fuzz.run(format, CASES if format.share == 1 else CASES // 50)
    assert result.defects == []
    assert 0 < result.accepted < result.cases  # both sides of the reader were reached


def test_the_same_number_makes_the_same_case():
    for format in fuzz.found().values():
        assert format.make(fuzz.random.Random(7)) == format.make(fuzz.random.Random(7))
