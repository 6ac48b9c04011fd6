"""Secrets never reach a log: tokens, presigned signatures, passwords in addresses, links that reset a password.

`Line` formats what Django and Celery log, tracebacks included; `AccessLogger` is gunicorn's logger
(``--logger-class hub.accounts.logs.AccessLogger``), because it writes its own lines.
"""

import logging
import re
from typing import Any

from gunicorn.glogging import Logger

LEFT_OUT = "…"
# A name that announces a secret, as it stands in addresses (escaped once too, as in ``next=``) and in headers; what
# follows is left out up to the end of the value. X-Amz-* and Signature are S3's presigned parameters.
NAMED = re.compile(
    r"""((?:[?&]|%3F|%26)(?:token|key|password|signature|awsaccesskeyid|x-amz-(?:signature|credential|security-token))
         (?:=|%3D)|\bBearer(?:\s+|%20)|\bBasic\s+(?=[A-Za-z0-9+/=]{8,}))(?:(?!%26)[^&\s"'<>])+""",
    re.IGNORECASE | re.VERBOSE,
)
TOKEN = re.compile(r"wr_[0-9A-Za-z]{8,}")  # ours, wherever they stand; a mistyped one is still half a secret
USER = re.compile(r"(\w+://[^\s:/@]*:)[^\s/@]+@")
LINK = re.compile(r"(/reset/[0-9A-Za-z]+-|/confirm-email/)(?!set-password\b)[^\s\"'?]+")


def scrub(text: str) -> str:
    """``text`` with every secret left out."""
    text = NAMED.sub(rf"\1{LEFT_OUT}", text)
    text = TOKEN.sub(f"wr_{LEFT_OUT}", text)
    text = USER.sub(rf"\1{LEFT_OUT}@", text)
    return LINK.sub(rf"\1{LEFT_OUT}", text)


class Line(logging.Formatter):
    """A formatter whose whole line is scrubbed: the message, its arguments, the traceback, the stack."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


class ScrubTokens(logging.Filter):
    """For handlers with another formatter: scrubs the message, before it is formatted."""

    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        if (scrubbed := scrub(line)) != line:
            record.msg, record.args = scrubbed, ()
        return True


class AccessLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's logger; request lines, referers and headers are scrubbed, and so is what it says of errors."""

    def atoms(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(*args, **kwargs)
        return {name: scrub(value) if isinstance(value, str) else value for name, value in atoms.items()}

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in [*self.error_log.handlers, *self.access_log.handlers]:
            inner = handler.formatter
            handler.setFormatter(Line(inner._fmt, inner.datefmt) if inner else Line())
