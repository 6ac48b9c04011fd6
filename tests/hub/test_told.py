"""What workers say, in the reader's language; what is not known stays as it came."""

import pytest
from django.utils import translation

from hub.told import in_words

SAID = {
    "All weights are zero: the file changes nothing.": "Alle Gewichte sind null",
    "The file has 12,004 bytes; 12,000 were announced. Upload it again.": "Die Datei hat 12,004 Bytes",
    "1 tensor is not part of a LoRA as we know it.": "1 Tensor gehört nicht zu LoRA",
    "picklescan 1.0.5 flags this file, so it is held back.": "picklescan 1.0.5 schlägt bei dieser Datei an",
    "“%(n)s <b> 100 %” is no link, AIR, hash or owner/name.": "„%(n)s <b> 100 %“ ist kein Link",
    "A moderator took this file into quarantine: It is mine.": "Ein Moderator hat diese Datei in",
    "Nobody said this before.": "Nobody said this before.",
}


@pytest.mark.parametrize(("english", "german"), SAID.items())
def test_it_works(english, german):
    with translation.override("de"):
        assert in_words(english).startswith(german)
    with translation.override("en"):
        assert in_words(english) == english
