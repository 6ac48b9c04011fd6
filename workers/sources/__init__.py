"""Where models come from, one kind of server a file: what it says of a model, in this hub's words (`ToldModel`)."""

from workers.fetch_messages import ListShelf, LookUp, ShelfListed, ToldModel
from workers.sources import civitai, huggingface

SOURCES = {"civitai": civitai, "huggingface": huggingface}


def look_up(asked: LookUp, token: str) -> ToldModel:
    """The model under a link. Raises ``Refusal``."""
    return SOURCES[asked.kind].look_up(asked, token)  # type: ignore[attr-defined, no-any-return]


def list_shelf(asked: ListShelf, token: str) -> ShelfListed:
    """One page of a shelf. Raises ``Refusal``."""
    return SOURCES[asked.kind].list_shelf(asked, token)  # type: ignore[attr-defined, no-any-return]
