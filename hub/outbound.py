"""Calls to addresses that people gave: only public ones, checked as they are connected to, never followed further.

The name is resolved once, every address it has must be public, and the one that was checked is the one connected to;
no proxy, cookie or redirect has a say. ``HOOK_ORIGINS`` names origins that an operator trusts as they stand.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from http import HTTPStatus

import urllib3
from django.conf import settings
from django.utils.translation import gettext as _

from hub.errors import Refused
from workers.addresses import Address, BadAddress, is_public, parsed, trusted
from workers.lines import cut, line_to

SILENT_SECONDS, WHOLE_SECONDS = 10.0, 20.0
READ_BYTES = 2048  # of an answer


class NotAsked(Refused):
    """This address is not called from here."""

    code, status = "not-asked", HTTPStatus.UNPROCESSABLE_ENTITY


class NoAnswer(Refused):
    """Nobody answered there."""

    code, status = "no-answer", HTTPStatus.BAD_GATEWAY


def checked(url: str) -> tuple[Address, bool]:
    """An address that may be called as far as its text tells, and whether an operator trusts it. Raises `NotAsked`."""
    try:
        address = parsed(url)
    except BadAddress as error:
        raise NotAsked(str(error)) from error
    try:
        return address, trusted(address, ["*", *settings.HOOK_ORIGINS])
    except BadAddress as error:
        raise NotAsked(_("Give an address that begins with https://, of a public host, without a port.")) from error


def post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """POST ``body``; the status of the answer and its first characters. Raises `NotAsked`, `NoAnswer`."""
    address, private_is_fine = checked(url)
    ip = _resolved(address, private_is_fine)
    connection = line_to(address, ip, silent=SILENT_SECONDS)
    # The time-out counts from byte to byte; an answer that trickles in is ended by this clock.
    clock = threading.Timer(WHOLE_SECONDS, cut, (connection,))
    clock.daemon = True
    clock.start()
    try:
        sent = {"Host": address.netloc, "User-Agent": "Weightroom-hook/1", "Accept-Encoding": "identity", **headers}
        connection.request("POST", address.target, body=body, headers=sent, preload_content=False, decode_content=False)
        answer = connection.getresponse()
        return answer.status, answer.read(READ_BYTES).decode("utf-8", "replace")
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        if isinstance(error, (urllib3.exceptions.SSLError, ssl.SSLError)):
            raise NoAnswer(_("%(host)s cannot prove that it is %(host)s.") % {"host": address.host}) from error
        raise NoAnswer(_("%s does not answer.") % address.host) from error
    finally:
        clock.cancel()
        connection.close()


def _resolved(address: Address, private_is_fine: bool) -> str:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NoAnswer(_("There is no host called %s.") % address.host) from error
    ips = [str(one[4][0]) for one in found]
    if not private_is_fine and not all(is_public(ip) for ip in ips):
        raise NotAsked(_("%s is not a public host.") % address.host)
    return ips[0]
