import time
import uuid

import msgspec
import redis

from workers import settings
from workers.heartbeat import EXPIRY_SECONDS, Heartbeat
from workers.messages import SANDBOX_STATE, WORKER_ALIVE, Sandbox


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_it_works():
    cache = redis.Redis.from_url(settings.BROKER_URL)
    host = f"test@{uuid.uuid4()}"
    keys = [WORKER_ALIVE.format(queue=queue, host=host) for queue in ("inspect", "generate")]
    state = SANDBOX_STATE.format(host=host)
    heartbeat = Heartbeat(host, ["inspect", "generate"])
    heartbeat.start()
    try:
        assert until(lambda: cache.exists(*keys) == 2)
        assert 0 < cache.ttl(keys[0]) <= EXPIRY_SECONDS
        assert until(lambda: cache.exists(state))
        assert msgspec.json.decode(cache.get(state), type=Sandbox).walls
    finally:
        heartbeat.stop()
    assert until(lambda: cache.exists(*keys, state) == 0)
