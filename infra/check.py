"""The checks of `make check` that need Django: migrations complete, OpenAPI fresh, production settings safe."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# A production's settings, made up; nothing is connected to.
PRODUCTION = {
    "PRODUCTION": "true",
    "PUBLIC_URL": "https://hub.example.org",
    "SECRET_KEY": "".join(f"{n:x}k" for n in range(40)),
    "DATABASE_URL": "postgresql://hub:password@db.example.org/hub",
    "S3_ENDPOINT": "https://s3.example.org",
    "S3_ACCESS_KEY": "hub",
    "S3_SECRET_KEY": "secret",
    "BROKER_URL": "redis://broker.example.org/0",
}


def manage(*arguments: str, **settings: str) -> bool:
    """Run a command of manage.py; what it says is shown where it fails."""
    command = [sys.executable, "-W", "ignore", "manage.py", *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=os.environ | settings, capture_output=True, text=True)
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} manage.py {' '.join(arguments)}", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr)
    return done.returncode == 0


def openapi_fresh() -> bool:
    """Whether infra/openapi.yaml says what the code does."""
    with tempfile.TemporaryDirectory() as folder:
        now = Path(folder) / "openapi.yaml"
        if not manage("spectacular", "--fail-on-warn", "--validate", "--file", str(now)):
            return False
        kept = PROJECT / "infra" / "openapi.yaml"
        fresh = kept.exists() and kept.read_text() == now.read_text()
    print("ok   infra/openapi.yaml is fresh" if fresh else "FAIL infra/openapi.yaml is stale: run `make openapi`")
    return fresh


if __name__ == "__main__":
    checks = [
        manage("makemigrations", "--check", "--dry-run"),
        openapi_fresh(),
        manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION),
    ]
    sys.exit(not all(checks))
