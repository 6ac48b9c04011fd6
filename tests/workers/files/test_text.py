from workers.files.text import clean, evidence


def test_it_works():
    assert clean("plain\ttext\nand ünï", 100) == "plain\ttext\nand ünï"


def test_what_cannot_be_seen_is_dropped_or_written_out():
    hostile = "a\x00b\u202ec\u200bd\ud800e\x1b[31m"
    assert clean(hostile, 100) == "abcde[31m"
    assert evidence(hostile) == "a\\u0000b\\u202ec\\u200bd\\ud800e\\u001b[31m"


def test_long_text_is_cut():
    assert len(clean("x" * 10**6, 50)) == 50
    assert len(evidence("x" * 10**6)) == 200
