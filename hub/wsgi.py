import gc
import os
import time
from importlib import import_module
from pathlib import Path

import django
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
django.setup()
import_module("hub.urls")  # takes seconds; `manage.py up` has the tables made and the static files collected meanwhile
prepared = os.environ.get("SITE_PREPARED")
while prepared and not Path(prepared).exists():
    time.sleep(0.05)
application = get_wsgi_application()
# What was loaded stays: a collection that looks through all of it, every few dozen pages, takes a tenth of a second.
# Before workers are forked, so that they share it.
gc.collect()
gc.freeze()
