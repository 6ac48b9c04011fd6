"""Queue faces: read the message, one call, send the answer."""

from typing import Any

import msgspec

from workers import (
    assembly,
    early,
    fetch_messages,
    fetching,
    generation,
    incoming,
    layouts,
    messages,
    pictures,
    scores,
    sent_pictures,
)
from workers.celery import app
from workers.messages import HUB, Message


@app.task(name="workers.inspect_model")
def inspect_model(payload: dict[str, Any], then: str) -> None:
    """Inspect an uploaded file; the hub's task ``then`` gets an `Inspected`, or a `Failed` where it was unreadable."""
    answer(incoming.inspect_model(messages.unpack(payload)), then)


@app.task(name="workers.assemble_file")
def assemble_file(payload: dict[str, Any], then: str) -> None:
    """Join a file's chunks; the hub's task ``then`` gets an `Assembled`, or a `Failed` that says why not."""
    answer(assembly.assemble_file(messages.unpack(payload)), then)


@app.task(name="workers.read_header")
def read_header(payload: dict[str, Any], then: str) -> None:
    """Read a file's first bytes while the rest still comes; the hub's task ``then`` gets a `HeaderRead`."""
    answer(early.read_header(messages.unpack(payload)), then)


@app.task(name="workers.inspect_image")
def inspect_image(payload: dict[str, Any], then: str) -> None:
    """Read an uploaded picture; the hub's task ``then`` gets an `ImageInspected`, or a `Failed`."""
    answer(sent_pictures.inspect_image(messages.unpack(payload)), then)


@app.task(name="workers.make_layout")
def make_layout(payload: dict[str, Any], then: str) -> None:
    """Write a checkpoint as a folder of diffusers; the hub's task ``then`` gets a `LayoutMade` or a `Failed`."""
    answer(layouts.make_layout(messages.unpack(payload)), then)


@app.task(name="workers.generate")
def generate(payload: dict[str, Any], then: str) -> None:
    """Draw a recipe's pictures; the hub's task ``then`` gets a `Generated`, or a `Failed` that says why not."""
    answer(generation.generate(messages.unpack(payload)), then)


@app.task(name="workers.score")
def score(payload: dict[str, Any], then: str) -> None:
    """Score a picture; the hub's task ``then`` gets a `Scored`, or a `Failed` that says why not."""
    answer(scores.score_picture(messages.unpack(payload)), then)


@app.task(name="workers.embed")
def embed(payload: dict[str, Any], then: str) -> None:
    """Read what texts mean; the hub's task ``then`` gets an `Embedded`, and nobody the answer to a query."""
    from workers import meaning  # 90 MB of weights, where somebody asks

    if (said := meaning.embed(messages.unpack(payload))) is not None:
        answer(said, then)


@app.task(name="workers.shrink")
def shrink(payload: dict[str, Any], then: str) -> None:
    """Make a smaller copy of a drawn picture; whoever wants it looks into the store."""
    pictures.shrink(messages.unpack(payload))


@app.task(name="workers.trace")
def trace(payload: dict[str, Any], then: str) -> None:
    """Turn a picture as a preprocessor does; whoever wants it looks into the store."""
    pictures.trace(messages.unpack(payload))


@app.task(name="workers.look_up")
def look_up(payload: dict[str, Any], then: str) -> None:
    """Ask another server of a model; the hub's task ``then`` gets a `LookedUp`, or a `Failed` that says why not."""
    answer(fetching.look_up(fetch_messages.unpack(payload)), then)


@app.task(name="workers.list_shelf")
def list_shelf(payload: dict[str, Any], then: str) -> None:
    """Ask another server for many models' links; the hub's task ``then`` gets a `ShelfListed`, or a `Failed`."""
    answer(fetching.list_shelf(fetch_messages.unpack(payload)), then)


@app.task(name="workers.measure")
def measure(payload: dict[str, Any], then: str) -> None:
    """Ask another server how large a file is; the hub's task ``then`` gets a `Measured`, or a `Failed`."""
    answer(fetching.measure(fetch_messages.unpack(payload)), then)


@app.task(name="workers.fetch_file")
def fetch_file(payload: dict[str, Any], then: str) -> None:
    """Carry parts of a file to the store; the hub's task ``then`` gets a `Fetched`, or a `Failed`."""
    answer(fetching.fetch_file(fetch_messages.unpack(payload)), then)


def answer(said: Message | None, then: str) -> None:
    """Send the answer to the hub's task ``then``; None: nobody waits for one."""
    if said is not None:
        app.send_task(then, args=[msgspec.to_builtins(said)], queue=HUB, ignore_result=True)
