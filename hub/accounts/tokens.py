"""What an API token looks like: ``wr_``, 40 hex digits of chance, and a checksum that tells it from a look-alike."""

import hashlib
import re
import secrets
import zlib

PREFIX = "wr_"
START = 8  # characters that stay readable, to tell one's tokens apart
# wr_, 160 random bits, then CRC32 of everything before it in base 62, as GitHub's tokens have it: a scanner for leaked
# secrets knows a real one without asking us, and a mistyped one costs no look-up.
PATTERN = re.compile(r"wr_[0-9a-f]{40}[0-9A-Za-z]{6}")
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make() -> str:
    """A new token, 49 characters."""
    body = PREFIX + secrets.token_hex(20)
    return body + checksum(body)


def checksum(body: str) -> str:
    """Six base-62 digits of the CRC32 (IEEE) of ``body``."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return digits


def well_formed(token: str) -> bool:
    """Whether ``token`` can be one of ours at all."""
    return PATTERN.fullmatch(token) is not None and checksum(token[:-6]) == token[-6:]


def digest(token: str) -> str:
    """What is kept: SHA-256, hex. With 160 random bits there is nothing to guess, so no slow hash is needed; and
    looking up a digest takes no time that depends on the token."""
    return hashlib.sha256(token.encode()).hexdigest()
