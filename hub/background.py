"""``python -m hub.background``: the hub's worker and its clock in one process, for a hub on one machine.

Celery's own ``worker --beat`` forks a second process for the clock and writes a schedule file; ours are plain
intervals, so a thread and memory are enough. With several hub workers, run one ``celery -A hub.celery beat`` instead.
"""

import logging
import threading

from celery.beat import Scheduler, Service

from hub.celery import app
from workers.messages import HUB


def main() -> None:
    logging.getLogger("celery.beat").setLevel(logging.WARNING)  # a line every five seconds says nothing
    clock = Service(app, scheduler_cls=Scheduler)
    threading.Thread(target=clock.start, kwargs={"embedded_process": False}, daemon=True, name="clock").start()
    # Threads: tasks wait for the database and the store, and the clock's thread must not be forked away.
    options = ["--pool=threads", "--concurrency=2", "--loglevel=WARNING"]
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]  # no other hub worker to talk to
    app.worker_main(["worker", f"--queues={HUB}", "--hostname=hub@%h", *options, *alone])


if __name__ == "__main__":
    main()
