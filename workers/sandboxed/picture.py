"""Read a picture and make it anew: ``picture SOURCE [TARGET] NAME``; prints an `Examined` as JSON."""

import sys
from pathlib import Path

import msgspec

from workers.files.image import examined


def main() -> None:
    source, *target, name = sys.argv[1:]
    said = examined(Path(source), Path(target[0]) if target else None, name)
    sys.stdout.write(msgspec.json.encode(said).decode())


if __name__ == "__main__":
    main()
