"""Fuzz every reader: ``python -m infra.fuzz [--cases N] [--seed N] [FORMAT …]``. Exits 1 where a bar is missed."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from infra import fuzz

RSS_MIB = 1024


def main() -> int:
    formats = fuzz.found()
    parser = argparse.ArgumentParser(prog="python -m infra.fuzz", description=__doc__)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=", ".join(formats))
    parser.add_argument("--cases", type=int, default=1_000_000, help="of all formats together")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first case")
    asked = parser.parse_args()
    if unknown := set(asked.formats) - formats.keys():
        parser.error(f"no such format: {', '.join(sorted(unknown))}")
    chosen = asked.formats or list(formats)
    if len(chosen) == 1:
        line = _line(chosen[0], fuzz.run(formats[chosen[0]], asked.cases, asked.seed))
        print(json.dumps(line))
        return 0 if line["met"] else 1
    whole = sum(formats[name].share == 1 for name in chosen) or 1
    met = True
    for name in chosen:  # a process each: memory is measured by format, and one that dies is a defect of its own
        cases = str(-int(-asked.cases * formats[name].share // whole))
        command = [sys.executable, "-m", "infra.fuzz", name, "--cases", cases, "--seed", str(asked.seed)]
        met = subprocess.run(command, check=False).returncode == 0 and met
    print(json.dumps({"bars": {"defects": 0, "hang_seconds": fuzz.HANG_SECONDS, "rss_mib": RSS_MIB}, "met": met}))
    return 0 if met else 1


def _line(name: str, result: fuzz.Result) -> dict[str, object]:
    for defect in result.defects[:20]:
        print(defect, file=sys.stderr)
    return {
        "format": name,
        "cases": result.cases,
        "accepted": result.accepted,
        "defects": len(result.defects),
        "slowest_ms": round(1000 * result.slowest, 1),
        "rss_mib": round(result.rss_mib),
        "cases_a_second": round(result.cases / result.seconds),
        "met": not result.defects and result.rss_mib < RSS_MIB,
    }


if __name__ == "__main__":
    sys.exit(main())
