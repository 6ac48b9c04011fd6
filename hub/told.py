"""What workers tell, in a person's language. Workers speak English and know no translations; their sentences are kept
as they came, and said in words of the reader where the pattern is known here. One that is not stays English."""

from __future__ import annotations

import re
from functools import cache

from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

PATTERNS = (
    # What a file is, and whether it is what it says.
    gettext_noop("The file has %(size)s bytes; %(promised)s were announced. Upload it again."),
    gettext_noop("The name ends in %(ending)s, but the bytes are %(found)s."),
    gettext_noop("The name's ending says nothing that we know; the file's type was told by its bytes."),
    gettext_noop("No base, adapter or part that this hub knows has tensors of these names, so it cannot be drawn."),
    gettext_noop("Its shapes fit %(some)s and %(last)s alike: say yourself which it is for."),
    gettext_noop("%(n)s tensor is not part of a %(kind)s as we know it."),
    gettext_noop("%(n)s tensors are not part of a %(kind)s as we know it."),
    gettext_noop("The metadata says that this is for %(told)s, its tensors fit %(found)s; we go by the tensors."),
    gettext_noop("Its owner said %(said)s; the tensors are those of %(found)s, so it is listed as %(listed)s."),
    gettext_noop("This is %(found)s, not weights. This hub takes safetensors files."),
    gettext_noop("The bytes are of no format that we know. This hub takes safetensors files."),
    gettext_noop("This is a PNG. Pictures are added on the model's page."),
    gettext_noop("The file holds no tensors at all."),
    gettext_noop("Every tensor of the file is empty."),
    gettext_noop("The header alone takes %(n)s bytes, which programs read before anything else."),
    gettext_noop("The header is said to be %(said)s bytes long, but only %(has)s follow: it is cut off or no "
                 "safetensors."),
    gettext_noop("The file says that its header is empty, so it names no tensors."),
    gettext_noop("All weights are zero: the file changes nothing."),
    gettext_noop("%(n)s of %(all)s tensors are all zeros."),
    gettext_noop("The file is a ZIP archive as well: programs that read from the end would open that."),
    gettext_noop("A tensor's bytes are %(found)s, not weights."),
    gettext_noop("The archive holds programs, which have no place among weights."),
    gettext_noop("The file brings a chat template, a small program that other tools run."),
    gettext_noop("The chat template reaches for code outside it, which attacks programs that run it."),
    gettext_noop("The metadata's %(field)s is not a hash; we dropped it."),
    gettext_noop("The metadata takes %(n)s letters; programs read all of it before a tensor."),
    gettext_noop("Inspection of this file broke off several times, so it was given up."),
    # Pickles.
    gettext_noop("Opening this pickle can run code: it calls on %(names)s that no weights need. Save only the state "
                 "dict (torch.save(model.state_dict(), …)), or better as safetensors, and upload that."),
    gettext_noop("%(tool)s flags this file, so it is held back."),
    gettext_noop("%(tool)s could not look at all of this file, so it is held back."),
    gettext_noop("Converted to safetensors without what only training needs."),
    # What was decided here.
    gettext_noop("A moderator looked at this file and released it: %(reason)s"),
    gettext_noop("A moderator took this file into quarantine: %(reason)s"),
    gettext_noop("Inspected anew on %(day)s, it is accepted now."),
    gettext_noop("Inspected anew on %(day)s by newer rules, it is refused now. It is in quarantine."),
    gettext_noop("Inspected anew on %(day)s by newer rules, it cannot be told any more what it is. "
                 "It is in quarantine."),
    # What the hub has already.
    gettext_noop("The hub has this file already (%(model)s, %(version)s, by %(name)s). "
         "It is stored once; you can still publish it under your name."),
    gettext_noop("The hub has this file already (%(model)s, %(version)s, yours). "
         "It is stored once; you can still publish it under your name."),
    gettext_noop("The hub has the same tensors with other metadata (%(what)s). Both files are kept."),
    # Links to import from.
    gettext_noop("Paste a link to a model or a file, an AIR, a hash, or owner/name."),
    gettext_noop("“%(text)s” is no link, AIR, hash or owner/name."),
    gettext_noop("This AIR is of “%(source)s”; say which server that is."),
    gettext_noop("This address of %(host)s is not that of a model, a version or a file."),
    gettext_noop("Name a creator's page, a tag or a collection: /user/ada, /tag/ink, /collections/7."),
    gettext_noop("The link's number is that of no model."),
    gettext_noop("The link names a file that no repository has."),
    gettext_noop("The link names a hash that is none."),
    # Pictures.
    gettext_noop("It was made smaller: no side is kept longer than %(n)s pixels."),
    gettext_noop("Only the first of its %(n)s frames is kept."),
    gettext_noop("It told where it was taken; that is not kept."),
    gettext_noop("Its colour profile is broken, so its colours are shown as they stand."),
)  # fmt: skip


@cache
def _read() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Sentences that are always the same, and expressions for those that name something."""
    plain = {pattern: pattern for pattern in PATTERNS if "%(" not in pattern}
    named = []
    for pattern in PATTERNS:
        if "%(" in pattern:
            parts = re.split(r"%\((\w+)\)s", pattern)
            text = "".join(f"(?P<{part}>.{{1,300}}?)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
            named.append((re.compile(text, re.DOTALL), pattern))
    return plain, named


def in_words(sentence: str) -> str:
    """``sentence`` in the language of this page, where it is one that workers are known to say."""
    if (get_language() or "en").startswith("en"):
        return sentence
    plain, named = _read()
    if sentence in plain:
        return _(sentence)
    for expression, pattern in named:
        if found := expression.fullmatch(sentence[:2000]):
            return _(pattern) % found.groupdict()
    return sentence
