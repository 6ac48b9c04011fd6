"""Tokens for other servers, readable by the fetching workers only: the hub seals them, and keeps what it cannot open.

A sealed token names its server, so that it cannot be sent to another one by changing a row or a message.
"""

import base64
import hashlib

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from workers.errors import Refusal


def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"weightroom import tokens\0" + key.encode()).digest()))


def sealed(key: str, server: str, token: str) -> str:
    """``token`` for ``server``, sealed. ``key``: IMPORT_KEY, which must be given."""
    if not key:
        raise Refusal("no-key", "This hub has no IMPORT_KEY, so it keeps no tokens for other servers.")
    return _fernet(key).encrypt(msgspec.json.encode([server, token])).decode()


def opened(key: str, server: str, secret: str) -> str:
    """The token in ``secret``; empty where there is none. Raises `Refusal` where it is not for this server."""
    if not secret:
        return ""
    try:
        of, token = msgspec.json.decode(_fernet(key).decrypt(secret.encode()), type=tuple[str, str])
    except (InvalidToken, msgspec.DecodeError, ValueError) as error:
        raise Refusal("token-lost", "The token for this server cannot be read any more. Give it again.") from error
    if of != server:
        raise Refusal("token-elsewhere", "The token that was given is for another server.")
    return token
