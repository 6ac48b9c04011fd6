import hashlib

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file, save_file

from workers import layouts
from workers.engine import folder
from workers.errors import Refusal
from workers.messages import LAYOUT_PIECES, Failed, MakeLayout


def test_it_works(small_file, model, tmp_path):
    """diffusers itself opens the folder, and finds the very weights that the engine draws with."""
    texts = folder.write(small_file, tmp_path)
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    pipe = DiffusionPipeline.from_pretrained(tmp_path)
    for mine, theirs in ((model.unet, pipe.unet), (model.vae, pipe.vae)):
        left, right = mine.state_dict(), theirs.state_dict()
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key].float(), right[key].float()) for key in left)
    ids = pipe.tokenizer("a red Apple", return_tensors="pt").input_ids
    assert ids.tolist() == [[49406, 320, 736, 3055, 49407]]
    words = model.text_encoders["text_encoder"](ids).last_hidden_state
    assert torch.allclose(pipe.text_encoder(ids).last_hidden_state, words, atol=1e-5)


def test_an_unknown_architecture_is_refused(small_file, tmp_path):
    tensors = load_file(small_file)
    key = "model.diffusion_model.input_blocks.0.0.weight"
    save_file(tensors | {key: torch.zeros(7, 4, 3, 3)}, tmp_path / "odd.safetensors")
    with pytest.raises(Refusal, match="No architecture known here"):
        folder.write(tmp_path / "odd.safetensors", tmp_path / "folder")


def test_another_family_is_said_so():
    urls = dict.fromkeys(LAYOUT_PIECES, "http://127.0.0.1:9/x")
    sha256 = hashlib.sha256(b"x").hexdigest()
    answer = layouts.make_layout(MakeLayout(file_id="1", attempt=1, sha256=sha256, family="sdxl", urls=urls))
    assert isinstance(answer, Failed)
    assert (answer.id, answer.code, answer.retry) == ("1", "family-unknown", False)
