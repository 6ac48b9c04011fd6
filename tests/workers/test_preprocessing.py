import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from workers.errors import Refusal
from workers.preprocessing import canny, opened, preprocessed, resized, scribble

RNG = np.random.default_rng(5)
COARSE = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8)
PICTURE = np.asarray(Image.fromarray(COARSE).resize((128, 96), Image.Resampling.BICUBIC))


GOLDEN = [
    (PICTURE, 100, 200, "3cfa659cf5926606"),
    (PICTURE, 20, 60, "dec9067e77ee30f2"),
    (COARSE, 150, 400, "b6dccfca18ff902a"),
    (PICTURE // 64 * 64, 50, 300, "b0e24528ddb029f2"),
]


def test_canny_finds_the_edges_that_opencv_finds():
    """Digests of what OpenCV 5's ``Canny`` says of the same arrays."""
    for pixels, low, high, digest in GOLDEN:
        assert hashlib.sha256(canny(pixels, low, high)[:, :, 0].tobytes()).hexdigest()[:16] == digest
    assert np.array_equal(canny(PICTURE, 200, 100), canny(PICTURE, 100, 200))


def test_a_scribble_is_white_where_something_is_darker_than_around_it():
    pixels = np.full((40, 40, 3), 220, np.uint8)
    pixels[18:21] = 20
    drawn = scribble(pixels, 32, 0)
    assert drawn[19].min() == 255
    assert drawn[:8].max() == 0


def test_resizing():
    wide = np.zeros((32, 64, 3), np.uint8)
    wide[:, :8] = 255
    assert resized(wide, "Just Resize", 32, 32)[:, 0].min() > 200
    assert resized(wide, "Crop and Resize", 32, 32).max() == 0
    filled = resized(wide, "Resize and Fill", 32, 32)
    assert filled.shape == (32, 32, 3)
    assert filled[:8].max() == 0  # the edge's middle colour
    drawn_out = resized(wide, "Resize and Fill", 32, 32, edges=True)
    assert drawn_out[0, 0].min() > 200
    assert resized(wide, "Crop and Resize", 64, 32) is wide


def test_pictures_are_opened_without_their_transparency():
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(buffer, "PNG")
    assert opened(buffer.getvalue()).min() == 255
    with pytest.raises(Refusal, match="cannot be read"):
        opened(b"no picture")
    with pytest.raises(Refusal, match="no preprocessor"):
        preprocessed(PICTURE, "magic")
    assert np.array_equal(preprocessed(PICTURE, "invert"), 255 - PICTURE)
