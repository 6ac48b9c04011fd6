"""CLIP's tokenizer: what a prompt becomes before a text encoder reads it. No torch, so that the hub can count too.

The vocabulary is built from ``clip_vocabulary.txt.gz`` (``bpe_simple_vocab_16e6.txt.gz`` of OpenAI's CLIP, MIT, as
shipped by open_clip): 49,408 entries, the same ids as every Stable Diffusion 1 and 2 file expects.
"""

import gzip
from functools import cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

START, END = 49406, 49407
# Tokens of one pass of the text encoder, without start and end.
CHUNK = 75


def _byte_letters() -> list[str]:
    """A visible letter for each byte, in the order in which CLIP numbers them (GPT-2's table)."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + n) for n in range(len(hidden))]


@cache
def tokenizer() -> Tokenizer:
    """The tokenizer, without start, end and padding."""
    lines = gzip.decompress((Path(__file__).parent / "clip_vocabulary.txt.gz").read_bytes()).decode().split("\n")
    merges = [(left, right) for left, right in (line.split() for line in lines[1:48895])]
    letters = _byte_letters()
    words = letters + [letter + "</w>" for letter in letters] + ["".join(pair) for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    built = Tokenizer(
        models.BPE(
            vocab={word: number for number, word in enumerate(words)},
            merges=merges,
            end_of_word_suffix="</w>",
            unk_token="<|endoftext|>",  # noqa: S106  a token of CLIP, not a secret
        )
    )
    built.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""), behavior="removed", invert=True
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    built.decoder = decoders.ByteLevel()
    return built


def encode(text: str) -> list[int]:
    """The ids of ``text``, without start, end and padding; any length."""
    return tokenizer().encode(text, add_special_tokens=False).ids


def padded(ids: list[int], length: int = CHUNK + 2, pad: int = END) -> list[int]:
    """``[start, *ids, end, pad…]`` of ``length``; ids beyond it are cut off."""
    ids = ids[: length - 2]
    return [START, *ids, END, *[pad] * (length - 2 - len(ids))]
