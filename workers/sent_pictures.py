"""An uploaded picture: fetched, read and made anew in a process of its own, its recipe told; always an answer."""

from __future__ import annotations

import logging
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from workers import recipes, s3, sandbox, settings, storage
from workers.errors import Refusal
from workers.files.image import MAX_BYTES, Examined
from workers.files.text import clean
from workers.messages import Failed, Finding, ImageInspected, InspectImage, PictureRecipe, Resource

log = logging.getLogger(__name__)

SECONDS = 20  # of processor time: ten million pixels take about one
MEMORY_BYTES = 2 * 1024**3  # of address space; fifty million pixels, and what they are turned into, take one
LARGEST_PNG = 120_000_000  # of the picture made anew: four bytes a pixel and some
LONGEST_PROMPT, LONGEST_NAME = 20_000, 200
ROOT = Path(__file__).resolve().parents[1]


def inspect_image(asked: InspectImage) -> ImageInspected | Failed:
    """The answer to ``asked``. A picture that cannot be read is refused with a sentence; where reading it broke or took
    too long, it is *unknown*; where the store does not answer, a `Failed` that may be tried again."""
    try:
        with tempfile.TemporaryDirectory(prefix="picture-") as folder:
            return _inspect(asked, Path(folder))
    except Refusal as refused:
        return Failed(
            id=asked.upload_id, attempt=asked.attempt, code=refused.code, sentence=refused.sentence, retry=refused.retry
        )
    except (ClientError, BotoCoreError, OSError) as error:
        log.warning("picture %s: the store did not give it: %s", asked.upload_id, error)
        sentence = "The object store did not give the picture."
        return Failed(id=asked.upload_id, attempt=asked.attempt, code="store-down", sentence=sentence, retry=True)


def _inspect(asked: InspectImage, folder: Path) -> ImageInspected:
    source, target = folder / "sent", folder / "made.png"
    if not _fetch(asked, source):
        return _refused(asked, f"The picture is larger than {MAX_BYTES // 10**6} MB.")
    target.touch()
    found = apart(source, target, asked.name)
    if found is None:
        sentence = "Reading this picture took too long, or too much memory, so it was given up."
        return _answer(asked, "unknown", (Finding("danger", sentence),))
    if found.refused:
        return _refused(asked, found.refused)
    recipe = _cleaned(recipes.told(found.carried))
    png = target.read_bytes() if asked.keep else b""
    return _answer(
        asked,
        "accepted",
        found.findings,
        format=found.format,
        sha256=storage.put_picture(png) if asked.keep else "",
        bytes=len(png),
        width=found.width,
        height=found.height,
        blurhash=found.blurhash,
        recipe=recipe,
    )


def _answer(asked: InspectImage, verdict: str, findings: tuple[Finding, ...], **fields: object) -> ImageInspected:
    who = {"upload_id": asked.upload_id, "attempt": asked.attempt}
    return ImageInspected(**who, verdict=verdict, findings=findings, **fields)  # type: ignore[arg-type]


def _refused(asked: InspectImage, sentence: str) -> ImageInspected:
    return _answer(asked, "refused", (Finding("danger", sentence),))


def _fetch(asked: InspectImage, path: Path) -> bool:
    """Whether it came; False: it is too large."""
    answer = s3.client().get_object(Bucket=settings.S3_BUCKET, Key=asked.key)
    if answer["ContentLength"] > MAX_BYTES:
        answer["Body"].close()
        return False
    path.write_bytes(answer["Body"].read())
    return True


def apart(source: Path, target: Path, name: str = "") -> Examined | None:
    """What `workers.files.image.examined` says, asked in a process of its own; None where that did not come to an end.

    Inside the sandbox's walls where they stand; elsewhere in a process with limits and no environment.
    """
    if sandbox.state().walls:
        room = sandbox.Room(source, target, seconds=SECONDS, memory=MEMORY_BYTES, output=LARGEST_PNG)
        try:
            return msgspec.json.decode(sandbox.run("picture", [name], room), type=Examined)
        except sandbox.SandboxFailed as failed:
            log.warning("a picture was given up: %s", failed)
            return None
    return _limited_child(source, target, name)


def _limited_child(source: Path, target: Path, name: str) -> Examined | None:
    command = [sys.executable, "-m", "workers.sandboxed.picture", str(source), str(target), name]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={"OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_limited,
    )
    try:
        printed, _ = process.communicate(timeout=2 * SECONDS)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
    if process.returncode:
        log.warning("a picture's process ended with %s", process.returncode)
        return None
    return msgspec.json.decode(printed, type=Examined)


def _limited() -> None:
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_FSIZE: LARGEST_PNG,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _cleaned(recipe: PictureRecipe | None) -> PictureRecipe | None:
    """Everything that a stranger wrote, bounded and without letters that cannot be seen."""
    if recipe is None:
        return None
    short = {
        name: clean(getattr(recipe, name), LONGEST_NAME).strip() for name in ("program", "sampler", "schedule")
    } | {name: clean(getattr(recipe, name), LONGEST_PROMPT) for name in ("prompt", "negative")}
    others = {clean(name, 80): clean(value, 1000) for name, value in list(recipe.others.items())[:60]}
    resources = tuple(_resource(one) for one in recipe.resources[:50])
    return msgspec.structs.replace(recipe, **short, others=others, resources=resources)


def _resource(one: Resource) -> Resource:
    name, digest = clean(one.name, LONGEST_NAME).strip(), clean(one.digest, 80).strip()
    return msgspec.structs.replace(one, name=name, digest=digest)
