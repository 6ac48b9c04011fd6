"""Push a large file with the real `huggingface_hub`, by LFS and by Xet, and tell how much the web process grew.

    HUB_TOKEN=wr_… python -m infra.bench.pushes --hub http://127.0.0.1:8000 --pid $(pgrep -of gunicorn) --size 5G

The token needs the scope ``upload``, its owner room for twice the size, and the disk room for six times. The
repositories are deleted at the end. Exits with 1 where the web processes (the pid and its children) grew by more than
``--bar`` MB during a push. What was measured is kept in ``.weightroom/bench/pushes.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from infra.bench.uploads import Watch, size

KEPT = Path(__file__).resolve().parents[2] / ".weightroom" / "bench" / "pushes.json"
PUSH = """
import sys
from huggingface_hub import HfApi
api, (repo, file) = HfApi(), sys.argv[1:]
api.create_repo(repo, private=True)
api.upload_file(path_or_fileobj=file, path_in_repo="weights.safetensors", repo_id=repo)
"""
DELETE = "import sys; from huggingface_hub import HfApi; HfApi().delete_repo(sys.argv[1])"


def main() -> int:
    options = arguments()
    results, failed = {}, False
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for way in ("lfs", "xet"):
            file = written(Path(folder) / "weights.safetensors", options.size)
            home = os.environ | {"HF_ENDPOINT": options.hub, "HF_HOME": f"{folder}/{way}"}
            home |= {"HF_TOKEN": os.environ["HUB_TOKEN"], "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
            home |= {"HF_HUB_DISABLE_XET": "1"} if way == "lfs" else {}
            repo = f"{options.owner}/bench-{way}-{secrets.token_hex(3)}"
            watch, began = Watch(options.pid), time.monotonic()
            subprocess.run([sys.executable, "-c", PUSH, repo, str(file)], env=home, check=True)
            seconds, grown = time.monotonic() - began, watch.end() / 1e6
            subprocess.run([sys.executable, "-c", DELETE, repo], env=home, check=True)
            results[way] = {
                "bytes": options.size, "seconds": round(seconds, 1), "web_mb_before": round(watch.before / 1e6, 1),
                "web_mb_grown": round(grown, 1), "bar": options.bar,
            }  # fmt: skip
            failed |= grown > options.bar
            print(f"{way}: {json.dumps(results[way])}", flush=True)
            file.unlink()
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(results, indent=2))
    return int(failed)


def written(path: Path, size: int) -> Path:
    """A safetensors file of one tensor of chance: nothing of it is like anything that was sent before."""
    head = json.dumps({"w": {"dtype": "U8", "shape": [size - 88], "data_offsets": [0, size - 88]}}).encode().ljust(80)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        left, zeros = size - file.tell(), bytes(8 * 1024**2)
        chance = Cipher(algorithms.AES(os.urandom(16)), modes.CTR(os.urandom(16))).encryptor()  # quicker than urandom
        while left:
            left -= file.write(chance.update(zeros[:left]))
    return path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", default="http://127.0.0.1:8000")
    parser.add_argument("--pid", type=int, required=True, help="The web server; its children are counted with it.")
    parser.add_argument("--owner", required=True, help="Whose token it is.")
    parser.add_argument("--size", type=size, default=size("5G"))
    parser.add_argument("--bar", type=float, default=64, help="MB that the web processes may grow.")
    parser.add_argument("--folder", help="Where the file is made; the system's temporary folder else.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
