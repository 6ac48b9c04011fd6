"""The workers' Celery application: a queue for each sort of work (`workers.messages`). It knows no database."""

from celery import Celery

from workers import settings
from workers.fetch_messages import FETCH
from workers.messages import GENERATE, HEADER, INSPECT

app = Celery("workers", broker=settings.BROKER_URL, include=["workers.tasks", "workers.heartbeat"])
app.conf.update(
    task_acks_late=True,  # a killed worker costs a retry, never an upload
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_concurrency=settings.JOBS,  # threads of a generate worker; the other queues' go one after the other
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_routes={
        "workers.inspect_model": {"queue": INSPECT},
        "workers.assemble_file": {"queue": INSPECT},
        "workers.read_header": {"queue": HEADER},
        "workers.inspect_image": {"queue": HEADER},
        "workers.generate": {"queue": GENERATE},
        "workers.make_layout": {"queue": GENERATE},
        **{f"workers.{task}": {"queue": FETCH} for task in ("look_up", "list_shelf", "measure", "fetch_file")},
    },
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3600},
    worker_hijack_root_logger=False,
)
