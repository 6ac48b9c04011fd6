"""Upload a file of zeros in parts, straight to the store, and tell how much the web process grew meanwhile.

    HUB_TOKEN=wr_… python infra/bench/uploads.py --hub http://127.0.0.1:8000 --pid $(pgrep -of gunicorn) --size 5G

The token needs the scope ``upload``. Without ``--keep`` the upload is removed at the end, before it is inspected.
Exits with 1 where the web processes (the pid and its children) grew by more than ``--bar`` MB.
"""

import argparse
import json
import os
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}


def main() -> int:
    options = arguments()
    hub = Hub(options.hub.rstrip("/"), os.environ["HUB_TOKEN"])
    watch = Watch(options.pid)
    began = time.monotonic()
    upload = hub("POST", "", {"filename": "zeros.safetensors", "size": options.size})
    with ThreadPoolExecutor(options.threads) as lanes:
        for sent in lanes.map(lambda n: send(hub, upload, n), range(1, upload["parts"] + 1)):
            print(f"\r{sent * upload['part_size'] / 1e6:,.0f} MB", end="", file=sys.stderr)
    seconds = time.monotonic() - began
    if options.keep:
        hub("POST", f"/{upload['id']}/complete", {})
    else:
        arrived = len(hub("GET", f"/{upload['id']}/parts"))
        assert arrived == upload["parts"], f"{arrived} of {upload['parts']} parts arrived"
        hub("DELETE", f"/{upload['id']}")
    grown = watch.end()
    result = {
        "bytes": options.size,
        "parts": upload["parts"],
        "seconds": round(seconds, 1),
        "mb_per_s": round(options.size / 1e6 / seconds, 1),
        "web_mb_before": round(watch.before / 1e6, 1),
        "web_mb_grown": round(grown / 1e6, 1),
    }
    print(json.dumps(result))
    return int(grown > options.bar * 1e6)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", default="http://127.0.0.1:8000")
    parser.add_argument("--pid", type=int, required=True, help="The web server; its children are counted with it.")
    parser.add_argument("--size", type=size, default=size("5G"))
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--bar", type=float, default=50, help="MB that the web processes may grow.")
    parser.add_argument("--keep", action="store_true", help="Complete it, and have it inspected.")
    return parser.parse_args()


def size(text: str) -> int:
    return int(float(text[:-1]) * UNITS[text[-1]]) if text[-1] in UNITS else int(text)


class Hub:
    """The upload API."""

    def __init__(self, address: str, token: str) -> None:
        self.address, self.token = address, token

    def __call__(self, method: str, path: str, body: dict | None = None) -> dict | list | None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310  the address is the operator's own
            f"{self.address}/api/v1/uploads{path}", data=data, headers=headers, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            said = answer.read()
        return json.loads(said) if said else None


def send(hub: Hub, upload: dict, number: int) -> int:
    urls = hub("POST", f"/{upload['id']}/parts", {"numbers": [number]})["urls"]
    length = min(upload["part_size"], upload["size"] - (number - 1) * upload["part_size"])
    request = urllib.request.Request(urls[str(number)], data=bytes(length), method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=600):  # noqa: S310
        return number


class Watch:
    """Resident memory of a process and its children; the peak above the first reading."""

    def __init__(self, pid: int) -> None:
        self.pid, self.before, self.peak, self.over = pid, 0, 0, threading.Event()
        self.before = self.peak = self.read()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.over.wait(0.2):
            self.peak = max(self.peak, self.read())

    def read(self) -> int:
        family, grown = {self.pid}, True
        statuses = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                lines = (folder / "status").read_text().splitlines()
            except OSError:
                continue  # it ended while we looked
            statuses[int(folder.name)] = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        while grown:
            found = {pid for pid, status in statuses.items() if int(status["PPid"]) in family} - family
            family, grown = family | found, bool(found)
        # The bench itself may be a child of the process it watches, in tests.
        family -= {os.getpid()}
        return sum(int(statuses[pid]["VmRSS"].split()[0]) * 1024 for pid in family if "VmRSS" in statuses.get(pid, {}))

    def end(self) -> int:
        self.over.set()
        self.thread.join()
        return max(self.peak, self.read()) - self.before


if __name__ == "__main__":
    sys.exit(main())
