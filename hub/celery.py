"""The hub's own background worker (queue ``hub``) and its periodic schedule."""

import os

from celery import Celery

from workers.messages import HUB

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")

from django.conf import settings

app = Celery("hub", broker=settings.BROKER_URL)
app.conf.update(
    task_default_queue=HUB,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3600},
    worker_hijack_root_logger=False,
    beat_schedule={
        # Messages are lost, workers die: these ask again for what is overdue.
        "generations-sweep": {"task": "hub.tryit.sweep", "schedule": 5.0},
        "uploads-sweep": {"task": "hub.uploads.sweep", "schedule": 5.0},
        "imports-sweep": {"task": "hub.imports.sweep", "schedule": 3.0},
        "blocked-sweep": {"task": "hub.moderation.blocked_sweep", "schedule": 3600.0},
        "rechecks-feed": {"task": "hub.moderation.rechecks_feed", "schedule": 5.0},
        "sent-pictures-sweep": {"task": "hub.gallery.sent_pictures_sweep", "schedule": 30.0},
        "unscored-sweep": {"task": "hub.gallery.unscored_sweep", "schedule": 60.0},
        "blurs-feed": {"task": "hub.gallery.blurs_feed", "schedule": 60.0},
        # Within a minute of a moderator's word no address that was given out works any more.
        "blobs-settle": {"task": "hub.catalog.blobs_settle", "schedule": 5.0},
        "versions-due": {"task": "hub.catalog.versions_due", "schedule": 5.0},
        "leaving-sweep": {"task": "hub.leaving.sweep", "schedule": 5.0},
        "models-recount": {"task": "hub.community.models_recount", "schedule": 300.0},
        "mails-send": {"task": "hub.community.mails_send", "schedule": 60.0},
        "hooks-tell": {"task": "hub.protocols.hooks_tell", "schedule": 5.0},
        "hooks-sweep": {"task": "hub.protocols.hooks_sweep", "schedule": 3600.0},
        "tallies-roll-up": {"task": "hub.catalog.tallies_roll_up", "schedule": 60.0},
        "meanings-feed": {"task": "hub.catalog.meanings_feed", "schedule": 60.0},
        "cells-count": {"task": "hub.catalog.cells_count", "schedule": 300.0},
        "terms-count": {"task": "hub.catalog.terms_count", "schedule": 3600.0},
        "words-count": {"task": "hub.catalog.words_count", "schedule": 24 * 3600.0},
        "prompts-words-count": {"task": "hub.prompts.words_count", "schedule": 24 * 3600.0},
    },
)
app.autodiscover_tasks(
    [
        "hub.catalog",
        "hub.community",
        "hub.gallery",
        "hub.imports",
        "hub.leaving",
        "hub.moderation",
        "hub.prompts",
        "hub.protocols",
        "hub.tryit",
        "hub.uploads",
    ]
)
