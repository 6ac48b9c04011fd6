"""`HF_ENDPOINT` and nothing else: the real client, its command line and diffusers against the running hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy
import pytest
from safetensors.numpy import save_file as save
from safetensors.torch import load_file, save_file

from tests.journeys.conftest import WEIGHTS, Person, wait_for
from tests.workers import small
from tests.workers.engine import test_bases as bases
from workers.bases import layout

pytestmark = pytest.mark.journey
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def alice(hub) -> Person:
    return Person.signs_up(hub, "hugo")


@pytest.fixture(scope="module")
def holly(hub) -> Person:
    return Person.signs_up(hub, "holly")


@pytest.fixture
def home(hub, tmp_path) -> dict[str, str]:
    """The environment of somebody who has set `HF_ENDPOINT` and nothing else; their caches are empty."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return environment | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf"), "NO_COLOR": "1"}


def python(home: dict[str, str], program: str, *, token: str = "", by: str = sys.executable, **more: str) -> Any:
    """What ``program`` leaves in ``result``, run by a process of its own: the client reads its settings at import."""
    environment = home | more | ({"HF_TOKEN": token} if token else {})
    done = subprocess.run(
        [by, "-c", f"import json\n{program}\nprint('\\n' + json.dumps(result))"],
        env=environment, capture_output=True, text=True, timeout=180, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def hf(home: dict[str, str], *words: str, token: str = "", fails: bool = False) -> str:
    """What the command line says."""
    environment = home | ({"HF_TOKEN": token} if token else {})
    done = subprocess.run([BIN / "hf", *words], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def accepted(person: Person, repo: str) -> None:
    """Waits until the weights of ``repo`` have passed their inspection."""

    def safe() -> bool:
        tree = person.asks("GET", f"/api/models/{repo}/tree/main?recursive=true&expand=true", status=200)
        verdicts = {item["securityFileStatus"]["status"] for item in tree if "lfs" in item}
        assert verdicts <= {"safe", "queued"}, tree
        return verdicts == {"safe"}

    wait_for(f"the verdict on {repo}", safe, 60)


@pytest.fixture(scope="module")
def lora(tmp_path_factory) -> Path:
    """A LoRA whose name holds a word that diffusers drops."""
    tensors = {key: tensor * 1.002 for key, tensor in load_file(WEIGHTS / "nano-flat.safetensors").items()}
    path = tmp_path_factory.mktemp("hf") / "my_checkpoint_lora.safetensors"
    save_file(tensors, path, metadata={"ss_network_module": "networks.lora"})
    return path


PUSH = """
import pathlib
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError
api, repo, file = HfApi(), {repo!r}, {file!r}
api.create_repo(repo)
assert api.create_repo(repo, exist_ok=True).repo_id == repo
api.upload_file(path_or_fileobj=b"---\\ntags: [wood]\\n---\\n# Wood", path_in_repo="README.md", repo_id=repo)
done = api.upload_file(path_or_fileobj=file, path_in_repo=pathlib.Path(file).name, repo_id=repo)
same = api.upload_file(path_or_fileobj=file, path_in_repo=pathlib.Path(file).name, repo_id=repo)
assert done.oid == same.oid, "unchanged files are no commit"
api.upload_file(path_or_fileobj=b"x", path_in_repo="sub/\u00fc #1 name.txt", repo_id=repo)
api.create_branch(repo, branch="feature/x")
api.create_tag(repo, tag="v1.0")
result = [api.list_repo_files(repo), api.list_repo_files(repo, revision="feature/x"),
          [tag.name for tag in api.list_repo_refs(repo).tags], api.file_exists(repo, "none.txt"),
          api.revision_exists(repo, "none"), api.revision_exists(repo, done.oid[:8]), api.whoami()["name"]]
"""


PULL = """
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
import filecmp, os
folder = snapshot_download({repo!r})
path = hf_hub_download({repo!r}, "my_checkpoint_lora.safetensors", revision="feature/x")
info, told = HfApi().model_info({repo!r}), HfApi().model_info({repo!r}, expand=["safetensors"])
header = HfApi().parse_safetensors_file_metadata({repo!r}, "my_checkpoint_lora.safetensors")
again = snapshot_download({repo!r}, local_files_only=True)
names = {{os.path.relpath(os.path.join(at, n), folder) for at, _, files in os.walk(folder) for n in files}}
result = [filecmp.cmp(path, {file!r}, shallow=False), sorted(names - {{"pytorch_lora_weights.safetensors"}}),
          info.private, info.tags, folder == again,
          len(header.tensors), told.safetensors.parameters == header.parameter_count]
"""
MOVE = """
from huggingface_hub import HfApi
HfApi().move_repo({repo!r}, {new!r})
HfApi().create_repo({repo!r} + "-private", private=True)
HfApi().move_repo({repo!r} + "-private", {new!r} + "-private")
result = [HfApi().model_info({repo!r}).id, HfApi().model_info({repo!r} + "-private").id,
          HfApi(token=False).repo_exists({repo!r} + "-private")]
"""
# Of all that people have installed: the last without httpx, one of late 1.x. Built once, when somebody asks for them.
OLDER = ("0.36.2", "1.33.0")
ENVIRONMENTS = Path(__file__).parents[2] / ".weightroom-clients"


def client_of(version: str) -> str:
    """The Python of an environment with that `huggingface_hub` and nothing else of ours."""
    place = ENVIRONMENTS / version
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        wanted = [f"huggingface_hub=={version}", "hf_xet"]
        subprocess.run([place / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted], check=True)
        (place / "ready").touch()
    return str(place / "bin" / "python")


MANY = """
import io, os, pathlib
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
api, repo, other, nobody = HfApi(), {repo!r}, HfApi(token={other!r}), HfApi(token=False)

def refused(kind, call, *words, **named):
    try:
        call(*words, **named)
    except kind as error:
        return error.response.status_code
    return 0

api.create_repo(repo, private=True)
result = dict(twice=refused(HfHubHTTPError, api.create_repo, repo))
folder = pathlib.Path({folder!r})
(folder / "sub").mkdir()
for name, text in (("sub/a b.txt", "a"), ("sub/üní #2.txt", "b"), ("empty.txt", ""), ("keep.txt", "k")):
    (folder / name).write_text(text)
api.upload_file(path_or_fileobj=io.BytesIO(b"object"), path_in_repo="object.txt", repo_id=repo)
first = api.upload_folder(folder_path=folder, repo_id=repo)
result["again"] = api.upload_folder(folder_path=folder, repo_id=repo).oid == first.oid
result["all"] = sorted(api.list_repo_files(repo))
api.delete_file("object.txt", repo)
api.delete_folder("sub", repo)
change = [CommitOperationAdd("new.txt", b"n"), CommitOperationDelete("keep.txt")]
api.create_commit(repo, change, commit_message="one and other")
result["left"] = sorted(api.list_repo_files(repo))
result["said"] = [commit.title for commit in api.list_repo_commits(repo)][0]
result["then"] = sorted(api.list_repo_files(repo, revision=first.oid[:9]))
result["sizes"] = {{file.rfilename: file.size for file in api.model_info(repo, files_metadata=True).siblings}}
result["paths"] = [item.path for item in api.get_paths_info(repo, ["empty.txt", "none.txt"])]
api.create_branch(repo, branch="dev/one")
result["none"] = [
    refused(EntryNotFoundError, hf_hub_download, repo, "none.txt"),
    refused(EntryNotFoundError, hf_hub_download, repo, "none.txt", revision="dev/one"),
    refused(RevisionNotFoundError, hf_hub_download, repo, "empty.txt", revision="none"),
    refused(RepositoryNotFoundError, api.model_info, "hugo/none"),
    refused(RepositoryNotFoundError, other.model_info, repo), refused(RepositoryNotFoundError, nobody.model_info, repo),
    refused(HfHubHTTPError, HfApi(token="wr_" + "0" * 40).model_info, repo),
]
result["may"] = [api.repo_exists(repo), other.repo_exists(repo), nobody.repo_exists(repo)]
here = snapshot_download(repo, local_dir=folder / "here", ignore_patterns=["*.md"])
result["local"] = sorted(name for name in os.listdir(here) if not name.startswith("."))
result["empty"] = os.path.getsize(hf_hub_download(repo, "empty.txt"))
result["deleted"] = refused(HfHubHTTPError, other.delete_repo, repo)
api.delete_repo(repo)
result["gone"] = api.repo_exists(repo)
api.create_repo(repo, private=True)
result["anew"] = [name for name in api.list_repo_files(repo) if name != ".gitattributes"]
api.upload_file(path_or_fileobj=b"x", path_in_repo="empty.txt", repo_id=repo)
result["wiped"] = pathlib.Path(hf_hub_download(repo, "empty.txt")).read_text()
"""


def does_the_rest(
    alice: Person, other: Person, home: dict[str, str], repo: str, folder: Path, xet: bool, by: str
) -> None:
    """What else a client can do with a repository: every way to write, to look, and to be refused."""
    folder.mkdir()
    program = MANY.format(repo=repo, other=other.token, folder=str(folder))
    said = python(home, program, token=alice.token, by=by, **({} if xet else {"HF_HUB_DISABLE_XET": "1"}))
    assert said["twice"] == 409
    assert said["again"], "nothing changed is no commit"
    assert said["all"] == ["empty.txt", "keep.txt", "object.txt", "sub/a b.txt", "sub/üní #2.txt"]
    assert said["left"] == ["empty.txt", "new.txt"]
    assert said["said"] == "one and other"
    assert said["then"] == said["all"]
    assert said["sizes"] == {"empty.txt": 0, "new.txt": 1}
    assert said["paths"] == ["empty.txt"]
    assert said["none"][:4] == [404, 404, 404, 404]
    assert {*said["none"][4:]} <= {401, 404}, "what is private is absent"
    assert said["may"] == [True, False, False]
    assert (said["local"], said["empty"]) == (["empty.txt", "new.txt"], 0)
    assert said["deleted"] in {401, 403, 404}
    assert (said["gone"], said["anew"], said["wiped"]) == (False, [], "x")


def pushed_and_pulled(alice: Person, home: dict[str, str], repo: str, lora: Path, xet: bool, by: str) -> None:
    more = {} if xet else {"HF_HUB_DISABLE_XET": "1"}
    push = PUSH.format(repo=repo, file=str(lora))
    main, branch, tags, *rest = python(home, push, token=alice.token, by=by, **more)
    assert main == branch == ["README.md", "my_checkpoint_lora.safetensors", "sub/ü #1 name.txt"]
    assert set(tags) >= {"v1.0"}
    assert rest == [False, False, True, "hugo"]
    accepted(alice, repo)
    same, names, private, tags, kept, tensors, counted = python(home, PULL.format(repo=repo, file=str(lora)), by=by)
    assert same
    assert names == ["README.md", "my_checkpoint_lora.safetensors", "sub/ü #1 name.txt"]
    assert (private, kept) == (False, True)
    assert {"lora", "wood"} <= set(tags)
    assert tensors > 100
    assert counted, "the numbers told are those in the file's header"

    moved = python(home, MOVE.format(repo=repo, new=f"{repo}-2"), token=alice.token, by=by)
    assert moved == [f"{repo}-2", f"{repo}-2-private", False]
    home |= {"HF_HOME": home["HF_HOME"] + "-fresh"}
    same, names, *_ = python(home, PULL.format(repo=repo, file=str(lora)), by=by)
    assert (same, names) == (True, ["README.md", "my_checkpoint_lora.safetensors", "sub/ü #1 name.txt"])


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_push_and_pull(hub, alice, holly, home, lora, xet, tmp_path):
    pushed_and_pulled(alice, home, f"hugo/wood-{'xet' if xet else 'lfs'}", lora, xet, sys.executable)
    does_the_rest(alice, holly, home, f"hugo/many-{'xet' if xet else 'lfs'}", tmp_path / "many", xet, sys.executable)


@pytest.mark.skipif("OLDER_CLIENTS" not in os.environ, reason="set OLDER_CLIENTS=1: builds environments of their own")
@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
@pytest.mark.parametrize("version", OLDER)
def test_older_clients(hub, alice, holly, home, lora, version, xet, tmp_path):
    repo = f"hugo/old-{version.replace('.', '-')}-{'xet' if xet else 'lfs'}"
    pushed_and_pulled(alice, home, repo, lora, xet, client_of(version))
    does_the_rest(alice, holly, home, f"{repo}-many", tmp_path / "many", xet, client_of(version))


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_a_killed_push_and_a_cut_pull_go_on(hub, alice, home, tmp_path, xet):
    """The first push is killed on its way, the second completes; a download goes on from the half that it has."""
    repo, path = f"hugo/cut-{'xet' if xet else 'lfs'}", tmp_path / "large.safetensors"
    key, random = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", numpy.random.default_rng(xet)
    tensors = {f"{key}.lora_down.weight": (8192, 768), f"{key}.lora_up.weight": (320, 8192)}
    save({name: random.standard_normal(shape, dtype="float32") for name, shape in tensors.items()}, path)
    environment = home | {"HF_TOKEN": alice.token} | ({} if xet else {"HF_HUB_DISABLE_XET": "1"})
    push = f"from huggingface_hub import HfApi; api = HfApi(); api.create_repo({repo!r}, exist_ok=True, private=True)\n"
    push += (
        f"print('begun', flush=True); api.upload_file(path_or_fileobj={str(path)!r}, path_in_repo='large.safetensors', "
    )
    push += f"repo_id={repo!r})"
    first = subprocess.Popen([sys.executable, "-c", push], env=environment, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "begun\n"
    time.sleep(0.4)
    first.kill()
    first.wait()
    subprocess.run([sys.executable, "-c", push], env=environment, check=True, timeout=180, capture_output=True)
    accepted(alice, repo)
    pull = f"""
import pathlib
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.constants import HF_HUB_CACHE
data = pathlib.Path({str(path)!r}).read_bytes()
etag = get_hf_file_metadata(hf_hub_url({repo!r}, "large.safetensors")).etag
half = pathlib.Path(HF_HUB_CACHE) / "models--{repo.replace("/", "--")}" / "blobs" / (etag + ".incomplete")
half.parent.mkdir(parents=True)
half.write_bytes(data[: len(data) // 2])
result = pathlib.Path(hf_hub_download({repo!r}, "large.safetensors")).read_bytes() == data
"""
    assert python(home, pull, token=alice.token)


def test_the_command_line(hub, alice, home, lora, tmp_path):
    assert "hugo" in hf(home, "auth", "whoami", token=alice.token)
    hf(home, "auth", "login", "--token", alice.token)
    assert "hugo" in hf(home, "auth", "whoami"), "the token was kept"
    hf(home, "repos", "create", "hugo/by-hand", "--private")
    (tmp_path / "push" / "sub").mkdir(parents=True)
    (tmp_path / "push" / "README.md").write_text("# By hand")
    (tmp_path / "push" / "train.py").write_text("print()")
    (tmp_path / "push" / "sub" / "ink.safetensors").write_bytes(lora.read_bytes())
    assert "not: train.py" in hf(home, "upload", "hugo/by-hand", str(tmp_path / "push"), ".")
    accepted(alice, "hugo/by-hand")
    hf(home, "download", "hugo/by-hand", "--local-dir", str(tmp_path / "pull"))
    assert (tmp_path / "pull" / "sub" / "ink.safetensors").read_bytes() == lora.read_bytes()
    assert (tmp_path / "pull" / "README.md").read_text() == "# By hand"
    assert not (tmp_path / "pull" / "train.py").exists()
    stranger = home | {"HF_HOME": str(tmp_path / "stranger")}
    assert "not found" in hf(stranger, "download", "hugo/by-hand", fails=True).lower()


@pytest.fixture(scope="module")
def modules(tmp_path_factory) -> dict[str, Path]:
    """A ControlNet and a VAE of nano's shapes, and a checkpoint of SD2's topology and narrow; random weights."""
    folder = tmp_path_factory.mktemp("modules")
    told = {"modelspec.architecture": "stable-diffusion-v1"}
    made = {
        "lines": (layout.controlnet_to_original(small.controlnet().state_dict()), {}),
        "bright": (layout.vae_to_original(small.vae().state_dict()), told),
        "narrow-two": (bases.sd2(), {}),
    }
    for name, (tensors, metadata) in made.items():
        halves = {key: tensor.half().contiguous() for key, tensor in tensors.items()}
        save_file(halves, folder / f"{name}.safetensors", metadata)
    return {name: folder / f"{name}.safetensors" for name in made}


def laid_out(hub, *paths: str) -> None:
    """Waits until workers have written these files of folders of diffusers."""
    for path in paths:
        found = lambda: httpx.head(f"{hub.address}/{path}").status_code == 200  # noqa: B023, E731
        wait_for(path, found, 120)


def test_diffusers_loads_by_name_alone(hub, nano, alice, home, lora, modules):
    """nano, a LoRA named as diffusers would not look for it, an inversion, a ControlNet, a VAE and a checkpoint of
    another family, as a tutorial's lines have them."""
    files = {"flat": lora, "peach": WEIGHTS / "nano-peach.safetensors", **modules}
    push = f"""
from huggingface_hub import HfApi
api = HfApi()
for name, file in { ({name: str(path) for name, path in files.items()})!r}.items():
    repo = f"hugo/{{name}}"
    api.create_repo(repo)
    api.upload_file(path_or_fileobj=file, path_in_repo=file.rpartition("/")[2], repo_id=repo)
result = 0
"""
    python(home, push, token=alice.token)
    for name in files:
        accepted(alice, f"hugo/{name}")
    folders, ends = ("nina/nano", "hugo/narrow-two", "hugo/lines", "hugo/bright"), ("model_index", "config")
    laid_out(hub, *(f"{repo}/resolve/main/{ends[n > 1]}.json" for n, repo in enumerate(folders)))
    load = """
import torch
from diffusers import AutoencoderKL, ControlNetModel, DiffusionPipeline, StableDiffusionControlNetPipeline
torch.set_num_threads(1)
pipe = DiffusionPipeline.from_pretrained("nina/nano")
def draw():
    seed = torch.Generator().manual_seed(7)
    return pipe("a peach", width=64, height=64, num_inference_steps=2, generator=seed, output_type="np").images[0]
before = draw()
pipe.load_lora_weights("hugo/flat")
after = draw()
pipe.load_textual_inversion("hugo/peach", token="<peach>")
result = [bool(abs(before - after).max() > 1e-3), len(pipe.get_active_adapters()),
          pipe.tokenizer.convert_tokens_to_ids("<peach>") > 49407]
net, vae = ControlNetModel.from_pretrained("hugo/lines"), AutoencoderKL.from_pretrained("hugo/bright")
steered = StableDiffusionControlNetPipeline.from_pretrained("nina/nano", controlnet=net, vae=vae)
picture = steered("a peach", image=torch.rand(1, 3, 64, 64), num_inference_steps=1, output_type="np").images[0]
two = DiffusionPipeline.from_pretrained("hugo/narrow-two")
small = two("a peach", width=64, height=64, num_inference_steps=1, output_type="np").images[0]
result += [list(picture.shape), two.unet.config.cross_attention_dim, list(small.shape)]
"""
    drawn = [64, 64, 3]
    assert python(home, load) == [True, 1, True, drawn, 1024, drawn]
