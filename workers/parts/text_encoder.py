"""Text encoders: CLIP under transformers' or OpenCLIP's names, T5, and the language models that later bases read."""

from __future__ import annotations

from workers.plugins import Header, Match

# (what it is called, width) → the families that read it.
CLIPS = {
    768: ("CLIP-L", ("sd1", "sdxl", "sd3", "flux1")),
    1024: ("OpenCLIP-H", ("sd2",)),
    1280: ("OpenCLIP-G", ("sdxl", "sd3")),
}
T5 = {4096: ("T5-XXL", ("sd3", "flux1")), 2048: ("T5-XL", ()), 1024: ("T5-L", ()), 768: ("T5-B", ())}
PREFIXES = ("", "text_encoder.", "clip_l.", "clip_g.", "t5xxl.", "transformer.", "cond_stage_model.transformer.")
_CLIP = ("text_model.embeddings.token_embedding.weight", "embeddings.token_embedding.weight")


class TextEncoder:
    slug = "text_encoder"
    label = "Text encoder"

    def recognise(self, header: Header) -> Match | None:
        """By the table of its words and its first layer."""
        for prefix in PREFIXES:
            if kind := _kind(header, prefix):
                return _match(header, prefix, *kind)
        return None


def _kind(header: Header, prefix: str) -> tuple[str, tuple[str, ...], tuple[int, ...]] | None:
    """(name, families that read it, shape of its table of words) of the encoder below ``prefix``."""
    for name in _CLIP:
        layer = prefix + name.replace("embeddings.token_embedding.weight", "encoder.layers.0.mlp.fc1.weight")
        if (words := header.shape(prefix + name)) and layer in header:
            return *CLIPS.get(words[-1], ("CLIP", ())), words
    words = header.shape(f"{prefix}token_embedding.weight")
    if words and f"{prefix}transformer.resblocks.0.attn.in_proj_weight" in header:
        return *CLIPS.get(words[-1], ("OpenCLIP", ())), words
    words = header.shape(f"{prefix}shared.weight") or header.shape(f"{prefix}encoder.embed_tokens.weight")
    if words and f"{prefix}encoder.block.0.layer.0.SelfAttention.q.weight" in header:
        return *T5.get(words[-1], ("T5", ())), words
    words = header.shape(f"{prefix}token_embd.weight")  # as llama.cpp names them
    if words and f"{prefix}enc.blk.0.attn_q.weight" in header:
        return *T5.get(words[-1], ("T5", ())), words
    if words and f"{prefix}blk.0.attn_norm.weight" in header:
        return header.metadata.get("general.architecture", "")[:40] or "language model", (), words
    words = header.shape(f"{prefix}model.embed_tokens.weight")
    if words and f"{prefix}model.layers.0.self_attn.q_proj.weight" in header:
        return "language model", (), words
    return None


def _match(header: Header, prefix: str, name: str, families: tuple[str, ...], words: tuple[int, ...]) -> Match:
    claimed = frozenset(key for key in header if key.startswith(prefix))  # a CLIP may bring its eyes along
    base = families[0] if len(families) == 1 else ""
    summary = {"architecture": name, "width": words[-1], "words": words[0]}
    return Match(claimed, base=base, summary=summary, candidates=() if base else families)


part = TextEncoder()
