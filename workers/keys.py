"""Under which keys both sides find bytes in the object store, and news in the cache."""

import hashlib


def xorb_key(owner_id: int, hash: str) -> str:
    """Where a block of chunks lies that a person sent."""
    return f"xorbs/{owner_id}/{hash[:2]}/{hash}"


def blob_key(sha256: str) -> str:
    """Where a file that was accepted lives for ever."""
    return f"blobs/{sha256[:2]}/{sha256}"


def held_key(sha256: str) -> str:
    """Where a file lies that was taken into quarantine or whose model was taken down: addresses given out are dead."""
    return f"held/{sha256[:2]}/{sha256}"


def picture_key(sha256: str) -> str:
    """Where a drawn PNG lives, in the pictures bucket."""
    return f"{sha256[:2]}/{sha256}.png"


def converted_key(upload_id: str, attempt: int) -> str:
    """Where a pickle's safetensors waits for the hub's answer: the only keys of this bucket that workers write."""
    return f"incoming/converted/{upload_id}.{attempt}.safetensors"


def small_picture_key(sha256: str, width: int) -> str:
    """Where a smaller JPEG of a drawn picture lives, beside it."""
    return f"{sha256[:2]}/{sha256}.{width}.jpg"


def progress_key(job_id: str) -> str:
    return f"weightroom:progress:{job_id}"


def cancel_key(job_id: str) -> str:
    return f"weightroom:cancel:{job_id}"


def meaning_key(text: str) -> str:
    """Where the vector of a query is kept in the cache."""
    return f"weightroom:meaning:{hashlib.sha256(text.encode()).hexdigest()}"


RULES = "weightroom:rules"  # the inspectors say here which rules they judge by
# A worker of each queue says that it lives by setting this key with a short expiry.
WORKER_ALIVE = "weightroom:worker:{queue}:{host}"
# Each drawing worker's open bases, as a JSON list of SHA-256, beside its sign of life.
WORKER_HOLDS = "weightroom:holds:{host}"
# Each inspecting worker's `Sandbox`, as JSON, beside its sign of life.
SANDBOX_STATE = "weightroom:sandbox:{host}"


def own_queue(host: str) -> str:
    """The line of one drawing worker alone, for pictures on bases that it has open."""
    return f"generate@{host}"
