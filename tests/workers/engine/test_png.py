import io

import numpy as np
from PIL import Image

from workers.engine import png
from workers.messages import Recipe, Use
from workers.recipes import a1111

RECIPE = Recipe(base="a" * 64, base_family="sd1", prompt="a cat", uses=(Use(kind="lora", sha256="b" * 64, name="x"),))
PIXELS = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)


def test_it_works():
    encoded = png.encoded(PIXELS, RECIPE)
    assert png.encoded(PIXELS, RECIPE) == encoded
    assert png.recipe_of(encoded) == RECIPE
    with Image.open(io.BytesIO(encoded)) as image:
        assert np.array_equal(np.asarray(image), PIXELS)
        assert image.info["parameters"] == a1111.write(RECIPE)


def test_any_script_survives():
    recipe = Recipe(base="a" * 64, base_family="sd1", prompt="ein Fuchs 🦊, 狐, <script>")
    with Image.open(io.BytesIO(png.encoded(PIXELS, recipe))) as image:
        assert image.info["parameters"].startswith("ein Fuchs 🦊, 狐, <script>")


def test_a_picture_of_others_holds_no_recipe():
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    assert png.recipe_of(buffer.getvalue()) is None
