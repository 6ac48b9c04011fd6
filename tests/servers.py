"""One stack of real servers for the whole run; addresses in the environment are used instead where given.

A pytest plugin (``-p tests.servers``) and not part of ``conftest.py``: the addresses must be known before pytest-django
reads the settings, which is before any conftest.
"""

import atexit
import os
from pathlib import Path

if not {"DATABASE_URL", "S3_ENDPOINT", "BROKER_URL"} <= set(os.environ):
    from hub import embedded

    servers = embedded.start(Path(__file__).resolve().parent.parent / ".weightroom-test")
    atexit.register(servers.stop)
    os.environ.update(servers.environment)
