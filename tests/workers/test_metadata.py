import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.metadata import MAX_KEPT, MAX_VALUE, describe, hash_of

KOHYA = {
    "ss_base_model_version": "sd_v1",
    "ss_network_module": "networks.lora",
    "ss_network_dim": "32",
    "ss_network_alpha": "16.0",
    "ss_network_args": json.dumps({"algo": "lora", "conv_dim": "8"}),
    "ss_resolution": "(512, 768)",
    "ss_sd_model_name": "/home/ann/models/v1-5-pruned.safetensors",
    "ss_new_sd_model_hash": "0x" + "ab" * 32,
    "ss_sd_model_hash": "E3B0C442",
    "ss_tag_frequency": json.dumps({"10_ohwx cat": {"ohwx": 20, "cat": 19, "outdoors": 3}}),
    "ss_dataset_dirs": json.dumps({"10_ohwx cat": {"n_repeats": 10, "img_count": 20}}),
    "ss_num_train_images": "200",
    "ss_num_reg_images": "0",
    "ss_num_epochs": "10",
    "ss_learning_rate": "0.0001",
    "ss_optimizer": "bitsandbytes.optim.adamw.AdamW8bit",
    "ss_clip_skip": "None",
    "ss_seed": "42",
    "ss_training_comment": "hello\x00 \u202eworld",
    "sshs_model_hash": "A" * 64,
}


def test_it_works():
    told = describe(KOHYA)
    assert told.trigger_words == ("ohwx", "cat")
    assert told.base_family == "sd1"
    assert told.sshs == "a" * 64
    assert told.summary["network"] == {
        "module": "networks.lora",
        "rank": 32,
        "alpha": 16,
        "algo": "lora",
        "conv_rank": 8,
    }
    assert told.summary["resolution"] == [512, 768]
    assert told.summary["base"]["name"] == "v1-5-pruned.safetensors"
    assert told.summary["base"]["sha256"] == "ab" * 32
    assert told.summary["base"]["autov1"] == "e3b0c442"
    assert told.summary["dataset"] == {
        "pictures": 20,
        "pictures_with_repeats": 200,
        "folders": 1,
        "tags": 3,
        "top_tags": [["ohwx", 20], ["cat", 19], ["outdoors", 3]],
    }
    assert told.summary["training"]["epochs"] == 10
    assert told.summary["training"]["learning_rate"] == 0.0001
    assert "clip_skip" not in told.summary["training"]
    assert told.summary["author"] == {"comment": "hello world"}
    assert told.kept["ss_training_comment"] == "hello world"
    assert told.kept["ss_network_dim"] == "32"


def test_modelspec():
    told = describe(
        {
            "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
            "modelspec.trigger_phrase": "ohwx, in  the style of x",
            "modelspec.title": "My\nLoRA",
            "modelspec.author": "Ann",
            "modelspec.tags": "style, ink",
            "modelspec.resolution": "1024x1024",
            "modelspec.hash_sha256": "0x" + "1" * 64,
        }
    )
    assert told.trigger_words == ("ohwx", "in the style of x")
    assert told.base_family == "sdxl"
    assert told.sshs == "1" * 64
    assert told.summary["resolution"] == [1024, 1024]
    assert told.summary["author"] == {"title": "My LoRA", "name": "Ann", "tags": ["style", "ink"]}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"ss_dataset_dirs": json.dumps({"5_sks dog": {"n_repeats": 5, "img_count": 9}})}, ("sks dog",)),
        ({"ss_datasets": json.dumps([{"subsets": [{"class_tokens": "sks dog", "image_dir": "a"}]}])}, ("sks dog",)),
        ({"ss_tag_frequency": json.dumps({"img": {"sks": 8, "dog": 2}})}, ("sks",)),
        ({"ss_tag_frequency": "{not json"}, ()),
        ({}, ()),
    ],
    ids=["folder", "class tokens", "no picture count", "broken", "nothing"],
)
def test_trigger_words(metadata, words):
    assert describe(metadata).trigger_words == words


@pytest.mark.parametrize(
    ("named", "family"),
    [
        ({"ss_base_model_version": "sd_v1"}, "sd1"),
        ({"ss_base_model_version": "sd_v2_768_v"}, "sd2"),
        ({"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
        ({"ss_base_model_version": "sd3"}, "sd3"),
        ({"ss_base_model_version": "flux1"}, "flux1"),
        ({"modelspec.architecture": "stable-diffusion-v1"}, "sd1"),
        ({"modelspec.architecture": "stable-diffusion-v2-512/lora"}, "sd2"),
        ({"modelspec.architecture": "flux-1-dev"}, "flux1"),
        ({"ss_v2": "True"}, "sd2"),
        ({"ss_base_model_version": "my own"}, ""),
    ],
)
def test_base_families(named, family):
    assert describe(named).base_family == family


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        ("0xABCDEF0123456789", "abcdef0123456789"),
        (" abcdef01 ", "abcdef01"),
        ("abcdef0", ""),
        ("a" * 65, ""),
        ('"><img src=x>', ""),
        ("abcdef01\n<script>", ""),
        ("0x0x11111111", ""),
    ],
)
def test_a_hash_is_hex_or_nothing(value, digits):
    assert hash_of(value) == digits


def test_a_hash_that_is_none_is_not_kept():
    told = describe({"sshs_model_hash": "<img src=x onerror=alert(1)>", "sshs_legacy_hash": "abcdef01"})
    assert told.sshs == ""
    assert told.kept == {"sshs_legacy_hash": "abcdef01"}


@pytest.mark.parametrize(
    "value", ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "abcdef01", "abcdef0123456"]
)
def test_hashes_that_find_the_wrong_file_are_not_looked_up_by(value):
    assert describe({"sshs_model_hash": value}).sshs == ""


def test_what_is_kept_is_bounded():
    told = describe({f"key{n}": "x" * (MAX_VALUE * 2) for n in range(100)} | {"short": "yes"})
    assert told.kept["short"] == "yes"
    assert sum(len(key) + len(value) for key, value in told.kept.items()) <= MAX_KEPT


def test_pictures_and_secrets_are_left_out():
    told = describe({"ot_config": '{"hf_token":"secret"}', "modelspec.thumbnail": "data:image/png;base64,AAAA"})
    assert "secret" not in str(told)
    assert told.kept["modelspec.thumbnail"] == "(26 letters, not kept here)"


@pytest.mark.parametrize(
    "hostile",
    [
        {"ss_network_dim": "1" * 10_000},
        {"ss_network_dim": "nan", "ss_network_alpha": "Dynamic", "ss_steps": "1e400"},
        {"ss_resolution": "__import__('os').system('true')"},
        {"ss_tag_frequency": "[" * 100_000},
        {"ss_tag_frequency": json.dumps({"a": {"b": {"c": 1}, "d": "x", "e": -3, "f": True, "g": None}})},
        {"ss_tag_frequency": json.dumps({"a": 3, "b": ["c"]}), "ss_dataset_dirs": "[1]"},
        {"ss_datasets": json.dumps([{"subsets": [{"class_tokens": ["a"], "image_dir": 3}, 7]}, 9])},
        {"ss_network_args": "[]", "modelspec.tags": "," * 10_000},
    ],
    ids=lambda hostile: next(iter(hostile)),
)
def test_nonsense_is_left_out(hostile):
    told = describe(hostile)
    assert told.trigger_words == ()
    json.dumps(told.summary, allow_nan=False)
    assert "network" not in told.summary


json_text = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
).map(json.dumps)
keys = st.sampled_from([*KOHYA, "modelspec.tags", "modelspec.trigger_phrase", "ss_datasets", "ss_v2"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys | st.text(max_size=5), json_text | st.text(max_size=30), max_size=6))
def test_any_metadata_is_survived_and_fit_for_a_database(metadata):
    told = describe(metadata)
    stored = json.dumps([told.kept, told.summary, told.trigger_words], allow_nan=False, ensure_ascii=False)
    assert "\x00" not in stored
    stored.encode()
