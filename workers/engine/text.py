"""What the UNet reads: prompts through the text encoder, chunk by chunk, with emphasis and inverted words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from workers import prompts
from workers.engine.model import Model
from workers.errors import Refusal


@torch.inference_mode()
def encoded(
    model: Model,
    prompt: prompts.Prompt,
    *,
    clip_skip: int = 1,
    words: Mapping[str, Mapping[str, Tensor]] | None = None,
    emphasis: Mapping[str, float] | None = None,
) -> Tensor:
    """The context [1, 77 · chunks, width] of a prompt.

    clip_skip: 1 = the last layer, 2 = the one before, as A1111 counts; the final norm is applied in any case.
    words: word → text encoder → vectors [n, width] that stand in its place. emphasis: word → factor on its weight.
    Raises ``Refusal`` where the prompt is too long or there are not so many layers.
    """
    encoder = model.text_encoders["text_encoder"]
    spoken = {word: by_encoder["text_encoder"] for word, by_encoder in (words or {}).items()}
    try:
        chunks = prompts.chunks(prompt, {word: len(vectors) for word, vectors in spoken.items()})
    except ValueError as error:
        raise Refusal("prompt-too-long", str(error)) from error
    return torch.cat([_chunk(encoder, chunk, spoken, emphasis or {}, clip_skip) for chunk in chunks], dim=1)


def _chunk(
    encoder: Any, chunk: prompts.Chunk, words: Mapping[str, Tensor], emphasis: Mapping[str, float], skip: int
) -> Tensor:
    text = getattr(encoder, "text_model", encoder)
    table = text.embeddings.token_embedding
    device, dtype = table.weight.device, table.weight.dtype
    vectors = table(torch.tensor([chunk.ids], device=device)).clone()
    weights = torch.tensor(chunk.weights, device=device, dtype=torch.float32)
    for splice in chunk.splices:
        place = slice(splice.place, splice.place + splice.count)
        vectors[0, place] = words[splice.word].to(device=device, dtype=dtype)
        weights[place] *= emphasis.get(splice.word, 1.0)
    hidden = text.embeddings(inputs_embeds=vectors)
    length = hidden.shape[1]
    # Each token reads itself and those before it.
    mask = torch.full((length, length), float("-inf"), device=device, dtype=dtype).triu(1)[None, None]
    layers = text.encoder.layers
    if not 1 <= skip <= len(layers):
        raise Refusal("clip-skip", f"Clip skip {skip} asks for more than the {len(layers)} layers of this base.")
    for layer in layers[: len(layers) - skip + 1]:
        hidden = layer(hidden, mask)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    hidden = text.final_layer_norm(hidden).float()
    if bool((weights != 1).any()):
        # A1111's "Original" emphasis: scale each token, then bring the chunk back to its former mean.
        before, spread = hidden.mean(), hidden.std()
        hidden = hidden * weights[None, :, None]
        # An encoder whose numbers balance out has no mean to keep: dividing by it would be dividing by noise.
        if bool(torch.minimum(before.abs(), hidden.mean().abs()) > 1e-3 * spread):
            hidden = hidden * (before / hidden.mean())
    return hidden.to(dtype)
