"""Dialects of a picture's metadata, one file each: what other programs write under a picture, read and where it makes
sense written.

`told` takes what a picture carries: PNG text chunks by their keyword, ``UserComment``, ``Make`` and other Exif fields
by name, ``comment``, ``xmp``, and ``stealth`` for what is hidden in the pixels' lowest bits.
"""

from collections.abc import Mapping

from workers.messages import PictureRecipe
from workers.recipes import a1111, comfyui, drawthings, easydiffusion, fooocus, invokeai, novelai, swarmui

# The sure signs first: several programs use the keyword "parameters", and A1111's form is taken for granted last.
DIALECTS = (swarmui, fooocus, invokeai, novelai, easydiffusion, drawthings, a1111, comfyui)


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    """The recipe that a picture carries; None: none that is known. Never raises."""
    carried = novelai.revealed(carried)
    for dialect in DIALECTS:
        if recipe := dialect.told(carried):
            return recipe
    return None
