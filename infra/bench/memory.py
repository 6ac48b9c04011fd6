"""Memory of the running hub, process by process: PSS (shared pages divided among their users) and RSS, in MB. Linux."""

import json
import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BAR_MB = 2560  # what an idle hub may take


def tree(pid: int) -> list[int]:
    """``pid`` and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in tree(int(child)))]


def megabytes(pid: int, file: str, field: str) -> float:
    line = next(line for line in Path(f"/proc/{pid}/{file}").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def main() -> int:
    folder = Path(os.environ.get("DATA_DIR", PROJECT / ".weightroom"))
    known = json.loads((folder / "processes.json").read_text())
    total_pss = total_rss = 0.0
    print(f"{'':16}{'PSS':>8}{'RSS':>8}  MB")
    for name, entry in known.items():
        pids = tree(entry["pid"])
        pss = sum(megabytes(pid, "smaps_rollup", "Pss:") for pid in pids)
        rss = sum(megabytes(pid, "status", "VmRSS:") for pid in pids)
        total_pss, total_rss = total_pss + pss, total_rss + rss
        print(f"{name:16}{pss:8.0f}{rss:8.0f}")
    print(f"{'together':16}{total_pss:8.0f}{total_rss:8.0f}  of {BAR_MB}")
    return int(total_rss > BAR_MB)


if __name__ == "__main__":
    sys.exit(main())
