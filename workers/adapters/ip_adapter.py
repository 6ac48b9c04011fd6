"""IP-Adapter: keys and values of its own, made from a picture's embedding. Recognised; not drawn with yet.

The encoder that makes the embedding is a file of its own. Plus reads patches (``image_proj.latents``), FaceID a face's
vector, and brings a LoRA inside.
"""

from __future__ import annotations

from workers.adapters.undrawn import Undrawn, family_by_cross_attention, starting
from workers.plugins import Header, Match


class IpAdapter(Undrawn):
    slug = "ip_adapter"
    label = "IP-Adapter"

    def recognise(self, header: Header) -> Match | None:
        """``ip_adapter.N.to_k_ip.weight``, and what projects the picture's embedding; the base by the keys' width."""
        keys = [key for key in header.endings.get("to_k_ip.weight", ()) if key.startswith("ip_adapter.")]
        if not keys:
            return None
        claimed = starting(header, "ip_adapter.", "image_proj.")
        family, variant = family_by_cross_attention(header, "to_k_ip.weight")
        summary = {
            "attentions": len(keys),
            "plus": "image_proj.latents" in header,
            "face": any(key.startswith("ip_adapter.") and "_lora." in key for key in claimed),
        }
        return Match(claimed, base=family, variant=variant, summary=summary)


adapter = IpAdapter()
