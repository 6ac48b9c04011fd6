import zlib

from hub.accounts import tokens


def test_it_works():
    token = tokens.make()
    assert len(token) == 49
    assert tokens.PATTERN.fullmatch(token)
    assert tokens.well_formed(token)
    assert len({tokens.make() for _ in range(200)}) == 200


def test_the_checksum_is_crc32_in_base_62():
    number = 0
    for digit in tokens.checksum("wr_" + "0" * 40):
        number = number * 62 + tokens.DIGITS.index(digit)
    assert number == zlib.crc32(b"wr_" + b"0" * 40)


def test_a_changed_character_is_noticed():
    token = tokens.make()
    for place in range(3, len(token)):
        other = token[:place] + ("1" if token[place] == "0" else "0") + token[place + 1 :]
        assert not tokens.well_formed(other)


def test_other_things_are_no_tokens():
    for other in ("", "wr_", "x" * 49, "hf_" + "a" * 37, tokens.make() + "\n", "wr_" + "g" * 46, "é" * 49):
        assert not tokens.well_formed(other)
