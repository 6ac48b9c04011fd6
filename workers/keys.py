"""Under which keys both sides find bytes in the object store."""


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
