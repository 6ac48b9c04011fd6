"""Seconds from `manage.py up` to the first page, on the data of last time (the hub must not run now)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BAR_SECONDS = 15  # for a second start


def main() -> int:
    began = time.monotonic()
    command = [sys.executable, "manage.py", "up"]
    up = subprocess.Popen(
        command, cwd=PROJECT, env=os.environ | {"DEMO_CONTENT": "false"}, stdout=subprocess.PIPE, text=True
    )
    assert up.stdout is not None
    seconds = None
    try:
        for line in up.stdout:
            print(line, end="")
            if "Weightroom is at" in line:
                seconds = time.monotonic() - began
                break
    finally:
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=60)
    if seconds is None:
        print("it did not start")
        return 1
    print(f"first page after {seconds:.1f} s of {BAR_SECONDS}")
    return int(seconds > BAR_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
