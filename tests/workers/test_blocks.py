"""Block weights as sd-webui-lora-block-weight has them, and where each module of a UNet stands in their list."""

import pytest

from workers import blocks
from workers.bases import layout


def test_it_works():
    full = dict(zip(blocks.NAMES, blocks.whole(blocks.read("IND")), strict=True))
    assert {name for name, value in full.items() if value} == {"BASE", "IN05", "IN07", "IN08"}
    twelve = dict(zip(blocks.NAMES, blocks.whole(blocks.read("1,.5,0,0,0,0,0.25,0,0,0,0,-1")), strict=True))
    assert {name: value for name, value in twelve.items() if value} == {
        "BASE": 1, "IN04": 0.5, "OUT00": 0.25, "OUT05": -1,
    }  # fmt: skip


@pytest.mark.parametrize("count", [12, 17, 20, 26])
def test_every_list_that_is_known(count):
    values = tuple(n / 10 for n in range(count))
    assert blocks.read(",".join(map(str, values))) == values
    assert sum(blocks.whole(values)) == pytest.approx(sum(values))
    assert len(set(blocks.FORMS[count])) == count


def test_all_in_full_is_no_block_weight_at_all():
    assert blocks.whole((1,) * 26) == blocks.whole(()) == ()
    assert blocks.whole((1,) * 17) != ()  # the other nine are nought: a LoCon has them


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,0,1", "3 block weights are of no known list: LoRAs of SD 1 and 2 have 17"),
        ("SUNNY", "no block weights called “SUNNY”; NONE, ALL, INS"),
        (",".join(["R"] * 17), "at random"),
        ("1,2,x,y", "at random|left open"),
        ("1,2,,y", "numbers with commas"),
        (",".join(["nan"] * 12), "from −10 to 10"),
        (",".join(["11"] * 12), "from −10 to 10"),
    ],
)
def test_what_is_none_is_told(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        blocks.read(text)


def test_what_is_written_reads_back():
    for text in ("MIDD", "ALL0.5", "1,0,0.5,0,0,0,0,0,0,0,0,0.125"):
        assert blocks.written(blocks.read(text)) == text


@pytest.mark.parametrize(("levels", "attended"), [(4, {1, 2, 3}), (3, {0, 1})], ids=["SD1", "SDXL"])
def test_each_module_stands_where_its_original_name_says(levels, attended):
    for original, live in layout.unet_pairs(levels, 2, attended):
        place = blocks.place_of(f"unet.{live}")
        side, _, number = original.replace(".", "_").partition("_blocks_")
        if side in {"input", "output"}:
            name = f"{'IN' if side == 'input' else 'OUT'}{int(number.split('_')[0]):02}"
            assert blocks.NAMES[place] == name, live
        elif original.startswith("middle_block"):
            assert blocks.NAMES[place] == "MID"
        else:
            assert place is None
    assert blocks.NAMES[blocks.place_of("text_encoder_2.encoder.layers.3.mlp.fc1")] == "BASE"
    assert blocks.place_of("unet.down_blocks.0.resnets.1.conv1.bias") == blocks.NAMES.index("IN02")
