"""nano as a pipeline of diffusers, for tests that load adapters with diffusers itself."""

import json
from typing import Any

from workers import tokens


def tokenizer() -> Any:
    """CLIP's own, from the vocabulary that we ship."""
    from transformers import CLIPTokenizer

    model = json.loads(tokens.tokenizer().to_str())["model"]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split()) for pair in model["merges"]]
    return CLIPTokenizer(vocab=model["vocab"], merges=merges, model_max_length=77)
