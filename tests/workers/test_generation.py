"""A job on a real store and a real cache: from the message to the stored picture."""

import hashlib
import io
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest
import redis
import torch
from PIL import Image
from safetensors.torch import save

from hub import storage as hub_storage
from tests.workers import small
from workers import generation, news, plots, s3, settings
from workers.engine import cache, png
from workers.engine.batch import engine
from workers.hints import Hint, Source
from workers.messages import (
    Failed,
    Generate,
    Generated,
    Progress,
    Recipe,
    Use,
    blob_key,
    cancel_key,
    picture_key,
    progress_key,
)
from workers.once import once


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CACHE_DIR", tmp_path)
    monkeypatch.setattr(settings, "DEVICE", "cpu")


@pytest.fixture(scope="module")
def valkey():
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        yield client


def stored(data):
    sha256 = hashlib.sha256(data).hexdigest()
    hub_storage.client().put_object(Bucket=settings.S3_BUCKET, Key=blob_key(sha256), Body=data)
    return sha256


@pytest.fixture(scope="module")
def base(small_file):
    return stored(small_file.read_bytes())


@pytest.fixture(scope="module")
def lora():
    return Use(kind="lora", sha256=stored(save(small.lora())), weight=0.4, name="lively")


def asked(base, count=1, **changes):
    given = {"base": base, "base_family": "sd1", "prompt": "a cat", "steps": 2, "seed": 7, "width": 64, "height": 64}
    return Generate(generation_id=str(uuid.uuid4()), attempt=2, recipe=Recipe(**given | changes), count=count)


def picture(drawn):
    return s3.client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(drawn.sha256))["Body"].read()


def test_it_works(base, lora, valkey):
    inversion = Use(kind="textual_inversion", sha256=stored(save(small.inversion())), token="peach1")
    net = Use(
        kind="hypernetwork", sha256=stored(save(small.hypernetwork(), small.HYPERNETWORK)), weight=0.5, name="dusk"
    )
    job = asked(base, count=2, uses=(lora, inversion, net), prompt="a peach1, blue")
    answer = generation.generate(job)
    assert isinstance(answer, Generated), answer
    assert (answer.generation_id, answer.attempt) == (job.generation_id, 2)
    assert [drawn.seed for drawn in answer.pictures] == [7, 8]
    for drawn in answer.pictures:
        encoded = picture(drawn)
        assert len(encoded) == drawn.bytes
        assert png.recipe_of(encoded) == msgspec.structs.replace(job.recipe, seed=drawn.seed)
    told = msgspec.json.decode(valkey.get(progress_key(job.generation_id)), type=Progress)
    assert (told.stage, told.step, told.steps, told.picture) == ("storing", 2, 2, 1)
    assert time.time() - told.at < 60
    assert 0 < valkey.ttl(progress_key(job.generation_id)) <= 120


def stored_picture(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    s3.client().put_object(Bucket=settings.S3_PICTURES_BUCKET, Key=picture_key(sha256), Body=buffer.getvalue())
    return sha256


def test_a_controlnet_reads_the_picture_that_the_recipe_names(base):
    hint = Hint(picture=stored_picture(np.eye(64, dtype=np.uint8)[:, :, None].repeat(3, 2) * 255), preprocessor="canny")
    use = Use(kind="controlnet", sha256=stored(save(small.controlnet().state_dict())), name="Edges", hint=hint)
    plain, steered = (pixels(generation.generate(asked(base, uses=uses)).pictures[0]) for uses in ((), (use,)))
    assert np.abs(plain - steered).max() > 5
    gone = msgspec.structs.replace(use, hint=Hint(picture="7" * 64))
    failed(asked(base, uses=(gone,)), "picture-gone", "is gone")
    failed(asked(base, uses=(msgspec.structs.replace(use, hint=None),)), "hint-missing", "Edges has no picture")


def test_it_starts_from_a_picture_and_decodes_by_another_vae(base, valkey):
    from tests.workers.engine.test_source import MASK, PICTURE, other_vae

    source = Source(picture=stored_picture(PICTURE), mask=stored_picture(MASK), blur=0, denoising=0.6)
    job = asked(base, steps=4, source=source)
    drawn = pixels(generation.generate(job).pictures[0])
    assert np.array_equal(drawn[:, :32], PICTURE[:, :32])
    told = msgspec.json.decode(valkey.get(progress_key(job.generation_id)), type=Progress)
    assert told.stage == "storing"
    plain, swapped = (
        pixels(generation.generate(asked(base, vae=vae)).pictures[0])
        for vae in ("", stored(save(other_vae().state_dict())))
    )
    assert np.abs(plain - swapped).max() > 5


def pixels(drawn):
    return np.asarray(Image.open(io.BytesIO(picture(drawn)))).astype(int)


def test_the_same_recipe_gives_the_same_bytes_and_the_same_picture_in_company(base, lora):
    one = generation.generate(asked(base, uses=(lora,), seed=8))
    cache.bases.clear()
    cache.adapters.clear()
    again = generation.generate(asked(base, uses=(lora,), seed=8))
    several = generation.generate(asked(base, uses=(lora,), count=2))
    assert one.pictures[0].sha256 == again.pictures[0].sha256
    assert abs(pixels(one.pictures[0]) - pixels(several.pictures[1])).max() <= 1


def test_jobs_of_different_stacks_are_drawn_together(base, lora):
    jobs = [asked(base, uses=uses, seed=seed, steps=6) for seed, uses in enumerate([(), (lora,), (lora,)])]
    alone = [generation.generate(job) for job in jobs]
    before = engine().calls
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(generation.generate, jobs))
    assert engine().calls - before <= 18
    for one, other in zip(alone, together, strict=True):
        assert abs(pixels(one.pictures[0]) - pixels(other.pictures[0])).max() <= 1


def test_a_job_waits_until_the_engine_begins_it(base, valkey):
    """Not "step 0" while others are drawn."""
    job, free = asked(base), threading.Event()

    def told():
        word = valkey.get(progress_key(job.generation_id))
        return word and msgspec.json.decode(word, type=Progress).stage

    engine()._put(free.wait)
    with ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(generation.generate, job)
        until = time.monotonic() + 60
        while told() != "waiting" and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.6)  # and goes on to say so
        said = told()
        free.set()
        assert isinstance(drawn.result(), Generated)
    assert (said, told()) == ("waiting", "storing")


def test_the_first_job_of_a_worker_finds_it_starting(base, valkey, monkeypatch):
    """Its libraries take seconds to come, whichever files are here already."""
    ready = threading.Event()
    monkeypatch.setattr(generation.engine_room, "entered", once(lambda: ready.wait(60)))
    job = asked(base)

    def told():
        word = valkey.get(progress_key(job.generation_id))
        return word and msgspec.json.decode(word, type=Progress).stage

    with ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(generation.generate, job)
        until = time.monotonic() + 60
        while not told() and time.monotonic() < until:
            time.sleep(0.02)
        assert told() == "starting"
        ready.set()
        assert isinstance(drawn.result(), Generated)
    with news.GenerationNews(job, starting=not generation.engine_room.entered.made) as later:
        assert later.last.stage == "fetching", "the next finds it ready"


def test_at_weight_nought_pixels_are_the_base_s(base, lora):
    plain = generation.generate(asked(base))
    none = generation.generate(asked(base, uses=(msgspec.structs.replace(lora, weight=0.0),)))
    assert np.array_equal(*(pixels(answer.pictures[0]) for answer in (plain, none)))


def test_a_plot_is_one_job_with_every_cell_and_a_sheet(base, lora):
    axes = (plots.axis("weight_1", "0, 0.4"), plots.axis("steps", "1, 2"), plots.axis("size", "64, 128x64"))
    job = msgspec.structs.replace(asked(base, uses=(lora,)), plot=axes)
    answer = generation.generate(job)
    assert isinstance(answer, Generated), answer
    cells = plots.cells(job.recipe, axes)
    assert [png.recipe_of(picture(drawn)) for drawn in answer.pictures] == [cell.recipe for cell in cells]
    assert len({drawn.sha256 for drawn in answer.pictures}) == 8
    assert picture(answer.sheet)
    alone = generation.generate(asked(base, uses=(lora,), steps=2))
    place = [(cell.place, drawn) for cell, drawn in zip(cells, answer.pictures, strict=True)]
    mine = next(drawn for at, drawn in place if at == (1, 1, 0))
    assert abs(pixels(mine) - pixels(alone.pictures[0])).max() <= 1


def failed(job, code, sentence=""):
    answer = generation.generate(job)
    assert isinstance(answer, Failed), answer
    assert (answer.id, answer.attempt, answer.code) == (job.generation_id, 2, code)
    assert sentence in answer.sentence
    return answer


def test_a_cancelled_job_is_dropped_before_it_starts(base, valkey):
    job = asked(base)
    valkey.set(cancel_key(job.generation_id), 1, ex=60)
    failed(job, "cancelled")


def test_a_job_is_cancelled_between_steps(base, valkey):
    job = asked(base, steps=150, width=256, height=256)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(generation.generate(job)))
    thread.start()
    while True:
        told = valkey.get(progress_key(job.generation_id))
        if told and (seen := msgspec.json.decode(told, type=Progress)).step >= 1:
            break
        time.sleep(0.05)
    valkey.set(cancel_key(job.generation_id), 1, ex=60)
    thread.join(60)
    assert answers[0].code == "cancelled"
    assert seen.preview
    last = msgspec.json.decode(valkey.get(progress_key(job.generation_id)), type=Progress)
    assert last.step < 150


def test_a_job_says_that_it_lives(base, valkey, monkeypatch):
    monkeypatch.setattr(news, "HEARTBEAT_EVERY", 0.05)
    monkeypatch.setattr(news, "NEWS_EVERY", 0.05)
    job = asked(base)
    with news.GenerationNews(job):
        time.sleep(0.3)
        first = msgspec.json.decode(valkey.get(progress_key(job.generation_id)), type=Progress)
        time.sleep(0.3)
    assert msgspec.json.decode(valkey.get(progress_key(job.generation_id)), type=Progress).at > first.at


def test_a_file_that_is_gone(lora):
    failed(asked("0" * 64), "file-gone", "not in the store")


def test_an_adapter_for_another_base(base):
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    other = {f"{name}.lora_down.weight": torch.zeros(4, 768), f"{name}.lora_up.weight": torch.zeros(320, 4)}
    use = Use(kind="lora", sha256=stored(save(other)), name="for SD1")
    failed(asked(base, uses=(use,)), "adapter-does-not-fit", "320×768")


def test_an_adapter_that_is_not_finite(base):
    broken = small.lora()
    next(iter(broken.values())).fill_(float("nan"))
    failed(asked(base, uses=(Use(kind="lora", sha256=stored(save(broken))),)), "adapter-not-finite")


def test_a_family_and_a_kind_that_are_not_known(base, lora):
    failed(asked(base, base_family="flux"), "base-not-drawn", "flux")
    failed(asked(base, uses=(msgspec.structs.replace(lora, kind="dream"),)), "adapter-unknown", "dream")


def test_a_count_beyond_measure(base):
    failed(asked(base, count=1000), "count")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory")])
def test_out_of_memory_is_said(base, monkeypatch, error):
    def breaks(*_):
        raise error

    monkeypatch.setattr("workers.engine.rows.decoded", breaks)
    assert not failed(asked(base), "out-of-memory", "memory").retry
    assert not cache.bases.held


def test_a_defect_is_logged_and_answered(base, monkeypatch, caplog):
    def breaks(*_):
        raise KeyError("surprise")

    monkeypatch.setattr("workers.engine.rows.decoded", breaks)
    failed(asked(base), "defect")
    assert "surprise" in caplog.text


def test_a_silent_cache_costs_the_news_and_not_the_picture(base, monkeypatch):
    monkeypatch.setattr(settings, "BROKER_URL", "redis://127.0.0.1:9/0")
    assert isinstance(generation.generate(asked(base)), Generated)


def test_a_hypernetwork_is_not_lost_by_a_text_weight():
    """It has no text side: a weight for that changes nothing of what it does to attention."""
    from workers.nano.save import WEIGHTS

    whole = cache.adapter("blue-hour", "hypernetwork", WEIGHTS / "nano-blue-hour.safetensors")
    use = Use(kind="hypernetwork", sha256="0" * 64, weight=0.8, text_weight=0.2, name="Blue hour")
    [edit] = generation._edits(use, whole)
    context = torch.randn(1, 7, 64)
    keys, values = edit.context(context, context)
    assert all(map(torch.equal, (keys, values), whole.at(0.8).context(context, context)))
    assert not torch.equal(keys, context)
