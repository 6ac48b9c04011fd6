"""Smaller copies of drawn pictures, for cards and tiles."""

from __future__ import annotations

import io
import logging

from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image

from workers import s3, settings
from workers.errors import Refusal
from workers.messages import Shrink, Trace, picture_key, small_picture_key

LONGEST = 512  # of a picture turned for a look
QUALITY = 90  # of JPEG; with colours in full, because flat prints show blocks first
log = logging.getLogger(__name__)


def shrink(asked: Shrink) -> bool:
    """Put a copy ``asked.width`` wide beside a drawn picture; whether there is one now.

    Pictures are never made larger. A picture that is gone is logged, and nothing is made.
    """
    try:
        answer = s3.client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(asked.sha256))
        small = smaller(answer["Body"].read(), asked.width)
        s3.client().put_object(
            Bucket=settings.S3_PICTURES_BUCKET,
            Key=small_picture_key(asked.sha256, asked.width),
            Body=small,
            ContentType="image/jpeg",
        )
    except (ClientError, BotoCoreError) as error:
        log.warning("picture %s was not made smaller: %s", asked.sha256[:12], error)
        return False
    return True


def trace(asked: Trace) -> bool:
    """Put a picture as ``asked.preprocessor`` turns it beside the picture, no side longer than `LONGEST`; whether there
    is one now. A picture that is gone is logged, and nothing is made."""
    from workers import preprocessing, storage

    try:
        pixels = preprocessing.opened(storage.picture(asked.sha256))
        height, width = pixels.shape[:2]
        if (scale := LONGEST / max(height, width)) < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            pixels = preprocessing.resized(pixels, "Just Resize", *size)
        turned = preprocessing.preprocessed(pixels, asked.preprocessor, asked.low, asked.high)  # type: ignore[arg-type]
        buffer = io.BytesIO()
        Image.fromarray(turned).save(buffer, "PNG")
        s3.client().put_object(
            Bucket=settings.S3_PICTURES_BUCKET, Key=asked.key, Body=buffer.getvalue(), ContentType="image/png"
        )
    except (ClientError, BotoCoreError, Refusal) as error:
        log.warning("picture %s was not turned: %s", asked.sha256[:12], error)
        return False
    return True


def smaller(png: bytes, width: int) -> bytes:
    """A JPEG of the picture, ``width`` pixels wide or as wide as it is, in its proportions."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        plain = image.convert("RGB")
    if plain.width > width:
        plain = plain.resize((width, max(1, round(plain.height * width / plain.width))), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True, progressive=True)
    return buffer.getvalue()
