"""A file's header, read while the rest of the file is still on its way, so that its owner's form fills itself.

A hint and no more: whatever goes wrong here is answered with "not read", and nobody waits for it.
"""

from __future__ import annotations

import logging

from botocore.exceptions import BotoCoreError, ClientError

from workers import inspection, s3, settings
from workers.incoming import TooSlow, time_limit
from workers.inspection import Report
from workers.messages import HeaderRead, ReadHeader

log = logging.getLogger(__name__)

SECONDS = 10  # a header of the greatest length takes about two
LENGTH_BYTES = 8  # before a safetensors header, how long it is


def read_header(asked: ReadHeader) -> HeaderRead:
    """What the bytes at ``asked.key`` tell of the file that they begin. Raises nothing but defects of the broker."""
    try:
        with time_limit(SECONDS):
            report = inspection.inspect_head(_fetch(asked.key), asked.name, asked.size)
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        log.warning("upload %s: its header could not be had: %s", asked.upload_id, error)
        report = None
    except (Exception, TooSlow):
        log.exception("upload %s: reading its header broke", asked.upload_id)
        report = None
    return _answer(asked, report)


def _fetch(key: str) -> bytes:
    answer = s3.client().get_object(Bucket=settings.S3_BUCKET, Key=key)
    if answer["ContentLength"] > LENGTH_BYTES + settings.HEADER_BYTES:
        raise ValueError(f"{answer['ContentLength']:,} bytes are no header")
    return answer["Body"].read()


def _answer(asked: ReadHeader, report: Report | None) -> HeaderRead:
    if report is None:
        return HeaderRead(upload_id=asked.upload_id, read=False)
    return HeaderRead(
        upload_id=asked.upload_id,
        read=True,
        findings=report.findings,
        kind=report.kind,
        base_family=report.base_family,
        base_variant=report.base_variant,
        format=report.format,
        precision=report.precision,
        title=report.metadata.get("modelspec.title") or report.metadata.get("ss_output_name") or "",
        trigger_words=report.trigger_words,
        summary=report.summary,
    )
