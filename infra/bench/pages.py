"""Lighthouse over the list, a model and the try-it page of a running hub: ``make bench-pages``, each score by its bar.

Needs node's npx (which fetches Lighthouse by its name), a Chromium, and a hub with content at HUB (default: where
``make run`` puts it). The best of three rounds a page, since other work on the machine only ever takes away.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HUB = os.environ.get("HUB", "http://127.0.0.1:8000").rstrip("/")
LIGHTHOUSE = os.environ.get("LIGHTHOUSE", "npx --yes lighthouse@13").split()
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
BARS = {"performance": 95, "accessibility": 95, "best-practices": 95}
ROUNDS = 3
# Compressed bytes a page may send besides pictures, as the design's budget has them.
BUDGET_KB = {"Document": 20, "Stylesheet": 14, "Script": 23}


def main() -> int:
    if CHROMIUM is None:
        print("no Chromium here: install one, or name it in CHROMIUM")
        return 1
    with urllib.request.urlopen(f"{HUB}/models") as answer:  # noqa: S310  an address of whoever runs this
        found = re.search(r'href="(/models/\d+/[^"?]+)', answer.read().decode())
    if found is None:
        print(f"{HUB} has no model yet: let its demo content come in first")
        return 1
    figures, missed = {}, 0
    for path in ("/models", found[1], "/try"):
        best, sizes = _looked_at(HUB + path)
        for category, bar in BARS.items():
            missed += best[category] < bar
            figures[f"{path}: {category}"] = {"value": best[category], "bar": bar, "met": best[category] >= bar}
        for kind, bar in BUDGET_KB.items():
            missed += sizes.get(kind, 0) > bar
            figures[f"{path}: {kind.lower()} KB"] = {
                "value": round(sizes.get(kind, 0), 1), "bar": bar, "met": sizes.get(kind, 0) <= bar,
            }  # fmt: skip
    for name, figure in figures.items():
        print(f"{name:44} {figure['value']:>6}  of {figure['bar']:>3}  {'' if figure['met'] else 'MISSED'}")
    kept = PROJECT / ".weightroom-bench-pages.json"
    kept.write_text(json.dumps(figures, indent=1))
    print(f"kept in {kept.name}")
    return int(bool(missed))


def _looked_at(address: str) -> tuple[dict[str, int], dict[str, float]]:
    """The best score of each category in a few rounds, and kilobytes sent by kind of resource."""
    best: dict[str, int] = dict.fromkeys(BARS, 0)
    sizes: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            out = Path(folder) / "report.json"
            flags = "--headless=new --no-sandbox --disable-gpu"
            command = [*LIGHTHOUSE, address, "--quiet", f"--chrome-flags={flags}", "--output=json"]
            command += [f"--output-path={out}", f"--only-categories={','.join(BARS)}"]
            subprocess.run(command, check=True, env=os.environ | {"CHROME_PATH": str(CHROMIUM)}, timeout=300)
            report = json.loads(out.read_text())
            for category in BARS:
                score = report["categories"][category]["score"] or 0
                best[category] = max(best[category], round(score * 100))
            sizes = {}
            for sent in report["audits"]["network-requests"]["details"]["items"]:
                kind = sent.get("resourceType", "")
                if kind in BUDGET_KB:
                    sizes[kind] = sizes.get(kind, 0) + _compressed(sent["url"]) / 1000
            if all(best[category] >= bar for category, bar in BARS.items()):
                break
    return best, sizes


def _compressed(url: str) -> int:
    """Bytes of a resource's body as a browser gets it, its headers apart."""
    asked = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})  # noqa: S310
    with urllib.request.urlopen(asked) as answer:  # noqa: S310
        return len(answer.read())


if __name__ == "__main__":
    sys.exit(main())
