"""git-lfs as `huggingface_hub` speaks it: weights go to the object store in parts, by signed addresses.

Always in parts, also a small file: the length of each is signed, and no address can change the object once it is one.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.core import signing
from rest_framework.request import Request
from rest_framework.response import Response

from hub import storage
from hub.accounts.permissions import person
from hub.catalog import repositories
from hub.errors import NotFound, Refused, as_json
from hub.protocols.huggingface import base, bodies
from hub.uploads import pushes, queries
from hub.uploads.models import Upload

SALT = "huggingface.lfs"
LIFE = timedelta(hours=12)  # clients take all addresses at once and cannot ask for new ones
OBJECTS_AT_ONCE = 256


class LfsBatch(base.Tongue):
    def post(self, request: Request, owner: str, name: str) -> Response:
        """Where each object is to be sent; one without ``actions`` is here already."""
        user = person(request)
        repositories.repository_mine(user, owner, name)
        asked = request.data if isinstance(request.data, dict) else {}
        objects = asked.get("objects")
        if asked.get("operation") != "upload" or not isinstance(objects, list) or len(objects) > OBJECTS_AT_ONCE:
            raise bodies.BadBody(f"Ask to upload up to {OBJECTS_AT_ONCE} objects; downloads go by /resolve/.")
        if "multipart" not in (asked.get("transfers") or ["basic"]):
            raise bodies.BadBody("Objects are sent in parts here: offer the transfer “multipart”.")
        shown = [self._object(request, one) for one in objects]
        return Response({"transfer": "multipart", "objects": shown, "hash_algo": "sha256"})

    def _object(self, request: Request, one: Any) -> dict[str, Any]:
        oid, size = (str(one.get("oid")).lower(), one.get("size")) if isinstance(one, dict) else ("", None)
        if not bodies.SHA256.fullmatch(oid) or type(size) is not int or size < 1:
            return {"oid": oid, "size": size, "error": {"code": 422, "message": "Name a SHA-256 and a size."}}
        try:
            upload = pushes.push_start(owner=person(request), sha256=oid, size=size)
        except Refused as refused:  # of one object, where the others may go on
            return {"oid": oid, "size": size, "error": {"code": int(refused.status), "message": refused.sentence}}
        shape: dict[str, Any] = {"oid": oid, "size": size, "authenticated": True}
        return shape if upload is None else shape | {"actions": _actions(base.origin(request), upload)}


def _actions(origin: str, upload: Upload) -> dict[str, Any]:
    seconds = int(LIFE.total_seconds())
    parts = {
        f"{n:05d}": storage.part_url(upload.key, upload.s3_upload_id, n, queries.part_bytes(upload, n), seconds=seconds)
        for n in range(1, queries.part_count(upload) + 1)
    }
    ticket = signing.dumps(str(upload.pk), salt=SALT)  # the client sends no token to this address
    return {
        "upload": {
            "href": f"{origin}/api/lfs/complete/{ticket}",
            "header": {"chunk_size": str(upload.part_size), **parts},
        },
        "verify": {"href": f"{origin}/api/lfs/verify"},
    }


class LfsComplete(base.Tongue):
    """Whoever holds the address may end that upload, and nothing else."""

    reading = ("GET", "HEAD", "OPTIONS", "POST")

    def post(self, request: Request, ticket: str) -> Response:
        try:
            upload_id = signing.loads(ticket, salt=SALT, max_age=LIFE)
        except signing.BadSignature as error:
            raise NotFound("This address has ended. Start the upload again.") from error
        upload = Upload.objects.filter(pk=upload_id).first()
        if upload is None or upload.status == Upload.Status.ABORTED:
            raise NotFound("This upload is no longer here. Start it again.")
        pushes.push_complete(upload=upload, parts=_parts(request))
        return Response({})


def _parts(request: Request) -> list[dict[str, Any]]:
    parts = request.data.get("parts") if isinstance(request.data, dict) else None
    if not isinstance(parts, list):
        raise bodies.BadBody("List the parts that were sent.")
    try:
        return [{"PartNumber": int(part["partNumber"]), "ETag": str(part["etag"])} for part in parts]
    except (KeyError, TypeError, ValueError) as error:
        raise bodies.BadBody("A part has a partNumber and an etag.") from error


class LfsVerify(base.Tongue):
    def post(self, request: Request) -> Response:
        said = request.data if isinstance(request.data, dict) else {}
        try:
            size = int(said.get("size", -1))
            pushes.push_arrived(owner=person(request), sha256=str(said.get("oid")).lower(), size=size)
        except (TypeError, ValueError) as error:
            raise bodies.BadBody("Name a SHA-256 and a size.") from error
        except Refused as refused:
            return Response(as_json(refused), status=HTTPStatus.NOT_FOUND)
        return Response({})
