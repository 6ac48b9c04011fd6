"""The hub knows names and numbers: it runs, and lists every plug, on a machine without torch."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Folder discovery imports by name, which import-linter cannot see: so import everything, with torch made impossible.
PROGRAM = """
import importlib, pkgutil, sys

class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "diffusers", "transformers", "accelerate", "safetensors"}:
            raise ImportError(f"{name} is not for the hub")

sys.meta_path.insert(0, Barred())
import django
django.setup()
import hub
count = 0
for module in pkgutil.walk_packages(hub.__path__, "hub."):
    importlib.import_module(module.name)
    count += 1
from workers import messages, plugins, prompts, tokens
import workers.adapters, workers.bases, workers.samplers
found = {
    "adapters": plugins.found_in(workers.adapters, "adapter"),
    "bases": plugins.found_in(workers.bases, "base"),
    "samplers": plugins.found_in(workers.samplers, "sampler"),
}
print(count, {name: len(plugs) for name, plugs in found.items()})
assert count > 40 and all(found.values()), (count, found)
assert "torch" not in sys.modules
"""


def test_it_works():
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "hub.settings"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_workers_import_neither_hub_nor_django():
    program = PROGRAM.split("import django")[0].replace('"torch", "diffusers", "transformers", "accelerate", ', "")
    program = program.replace('"safetensors"', '"hub", "django", "rest_framework", "psycopg2"').replace(
        "is not for the hub", "is not for workers"
    )
    program += "import workers.tasks, workers.celery, workers.inspection\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
