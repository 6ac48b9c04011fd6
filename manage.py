#!/usr/bin/env python
"""Django's door to Weightroom; ``manage.py up`` starts everything."""

import os
import sys
from pathlib import Path

from hub.embedded import join

if __name__ == "__main__":
    if sys.argv[1:2] != ["up"]:  # another terminal's `up` has the servers that a command speaks to
        join(Path(os.environ.get("DATA_DIR", Path(__file__).parent / ".weightroom")))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    if len(sys.argv) > 1:  # import-folder, as commands are written elsewhere, is import_folder
        sys.argv[1] = sys.argv[1].replace("-", "_") if not sys.argv[1].startswith("-") else sys.argv[1]
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
