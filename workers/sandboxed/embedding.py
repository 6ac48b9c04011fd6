"""A PNG in, the textual inversion that it carries out, as safetensors.

embedding <png> <safetensors to fill>. Prints, as JSON, in which ``place`` it lay, which is empty for a picture that
carries none; one that is broken is an answer too (``code``, ``sentence``), an exception is not one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from workers.files import embedding_png
from workers.files.embedding_png import BadEmbedding
from workers.files.framing import framed


def embedding(source: Path, target: Path) -> dict[str, str]:
    """Write ``target``, unless ``source`` is just a picture. Raises `BadEmbedding`."""
    found = embedding_png.read(source)
    if found is None:
        return {"place": ""}
    with target.open("wb") as file:
        framing = [(name, "F32", rows.shape, rows.nbytes) for name, rows in found.vectors.items()]
        file.write(framed(framing, found.metadata))
        for rows in found.vectors.values():
            file.write(rows.astype("<f4").tobytes())
    return {"place": found.place}


if __name__ == "__main__":
    try:
        said = embedding(Path(sys.argv[1]), Path(sys.argv[2]))
    except BadEmbedding as bad:
        said = {"code": bad.code, "sentence": bad.sentence, "evidence": bad.evidence}
    print(json.dumps(said))
