import hashlib

import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel, DiffusionPipeline
from safetensors.torch import load_file, save_file

from tests.workers import small
from tests.workers.engine import test_bases as bases
from workers import folders, layouts
from workers.bases import BASES, layout
from workers.engine import folder
from workers.errors import Refusal
from workers.messages import Failed, MakeLayout

WORDS = [[49406, 320, 736, 3055, 49407]]


def written(path, place, *how):
    """A folder as the hub serves it: weights and configurations."""
    made = folder.write(path, place, *how)
    for name, text in made.texts.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    if made.same:
        (place / made.same).write_bytes(path.read_bytes())
    return made


def same(mine, theirs):
    left, right = mine.state_dict(), theirs.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[key].float(), right[key].float()) for key in left)


def test_it_works(small_file, model, tmp_path):
    """diffusers itself opens the folder, and finds the very weights that the engine draws with."""
    written(small_file, tmp_path)
    pipe = DiffusionPipeline.from_pretrained(tmp_path)
    same(model.unet, pipe.unet)
    same(model.vae, pipe.vae)
    ids = pipe.tokenizer("a red Apple", return_tensors="pt").input_ids
    assert ids.tolist() == WORDS
    words = model.text_encoders["text_encoder"](ids).last_hidden_state
    assert torch.allclose(pipe.text_encoder(ids).last_hidden_state, words, atol=1e-5)


PIPELINES = {
    "sd2": "StableDiffusionPipeline", "sd2 v": "StableDiffusionPipeline",
    "sd2 inpainting": "StableDiffusionInpaintPipeline", "sdxl": "StableDiffusionXLPipeline",
    "sdxl v": "StableDiffusionXLPipeline", "sdxl inpainting": "StableDiffusionXLInpaintPipeline",
    "refiner": "StableDiffusionXLImg2ImgPipeline",
}  # fmt: skip


@pytest.mark.parametrize("kind", bases.MADE)
def test_every_family(tmp_path, kind):
    family, made, metadata = bases.MADE[kind]
    path = tmp_path / "base.safetensors"
    save_file(made(), path, metadata)
    written(path, tmp_path / "folder", family)
    model = BASES[family].open(path, bases.CPU, torch.float32)
    pipe = DiffusionPipeline.from_pretrained(tmp_path / "folder")
    assert type(pipe).__name__ == PIPELINES[kind]
    same(model.unet, pipe.unet)
    same(model.vae, pipe.vae)
    prediction = "v_prediction" if kind.endswith(" v") else "epsilon"
    assert pipe.scheduler.config.get("prediction_type", "epsilon") == prediction
    for name, encoder in model.text_encoders.items():
        ids = getattr(pipe, name.replace("text_encoder", "tokenizer"))("a red Apple", return_tensors="pt").input_ids
        assert ids.tolist() == WORDS
        with torch.no_grad():
            mine, theirs = encoder(ids), getattr(pipe, name)(ids)
        assert torch.allclose(mine.last_hidden_state, theirs.last_hidden_state, atol=1e-5)
        if "text_embeds" in mine:
            assert torch.allclose(mine.text_embeds, theirs.text_embeds, atol=1e-5)
    if kind in {"sd2 v", "sdxl"}:
        drawn = pipe("a red apple", width=64, height=64, num_inference_steps=1, output_type="np").images[0]
        assert drawn.shape == (64, 64, 3)


@pytest.mark.parametrize("original", [True, False], ids=["original", "diffusers"])
def test_a_controlnet(tmp_path, original):
    net, path = small.controlnet(), tmp_path / "lines.safetensors"
    state = layout.controlnet_to_original(net.state_dict()) if original else net.state_dict()
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, path)
    made = written(path, tmp_path / "folder", "sd1", "controlnet")
    assert made.same == ("" if original else folders.WEIGHTS_ALONE), "what is right as it is, is not written again"
    theirs = ControlNetModel.from_pretrained(tmp_path / "folder").eval()
    same(net, theirs)
    given = torch.randn(1, 4, 8, 8), torch.tensor(5), torch.randn(1, 7, 64), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        mine, other = (one(*given, return_dict=False) for one in (net, theirs))
    assert torch.equal(mine[1], other[1])


@pytest.mark.parametrize("name", ["original", "prefixed", "diffusers"])
def test_a_vae(tmp_path, name):
    vae, path = small.vae(), tmp_path / "bright.safetensors"
    state = vae.state_dict() if name == "diffusers" else layout.vae_to_original(vae.state_dict())
    prefix = layout.VAE if name == "prefixed" else ""
    save_file({prefix + key: tensor.contiguous() for key, tensor in state.items()}, path)
    made = written(path, tmp_path / "folder", "sd1", "vae")
    assert bool(made.same) == (name == "diffusers")
    theirs = AutoencoderKL.from_pretrained(tmp_path / "folder").eval()
    same(vae, theirs)
    latents = torch.randn(1, 4, 4, 4)
    with torch.no_grad():
        assert torch.equal(vae.decode(latents).sample, theirs.decode(latents).sample)
    assert theirs.config.scaling_factor == 0.18215


def test_what_is_none_by_itself(tmp_path):
    net = layout.controlnet_to_original(small.controlnet().state_dict())
    save_file({key: t.contiguous() for key, t in net.items()} | {"difference": torch.zeros(1)}, tmp_path / "net")
    with pytest.raises(Refusal, match="a difference from a base"):
        folder.write(tmp_path / "net", tmp_path / "folder", "sd1", "controlnet")
    half = {key: t.contiguous() for key, t in small.vae().state_dict().items() if key.startswith("decoder.")}
    save_file(half, tmp_path / "vae")
    with pytest.raises(Refusal, match="lacks its encoder"):
        folder.write(tmp_path / "vae", tmp_path / "folder", "sd1", "vae")


def test_an_unknown_architecture_is_refused(small_file, tmp_path):
    tensors = load_file(small_file)
    key = "model.diffusion_model.input_blocks.0.0.weight"
    save_file(tensors | {key: torch.zeros(7, 4, 3, 3)}, tmp_path / "odd.safetensors")
    with pytest.raises(Refusal, match="No architecture known here"):
        folder.write(tmp_path / "odd.safetensors", tmp_path / "folder")


@pytest.mark.parametrize(("family", "kind"), [("flux1", "base"), ("sd1", "lora")])
def test_another_family_is_said_so(family, kind):
    urls = dict.fromkeys(folders.PIECES, "http://127.0.0.1:9/x")
    sha256 = hashlib.sha256(b"x").hexdigest()
    asked = MakeLayout(file_id="1", attempt=1, sha256=sha256, family=family, kind=kind, urls=urls)
    answer = layouts.make_layout(asked)
    assert isinstance(answer, Failed)
    assert (answer.id, answer.code, answer.retry) == ("1", "family-unknown", False)
