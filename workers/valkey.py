"""A process' way to the cache, where news of jobs is left and what the hub says of them is read."""

from functools import lru_cache

import redis

from workers import settings

SECONDS = 5  # for an answer: who waits longer works on without


def cache() -> redis.Redis:
    """The cache at ``BROKER_URL``. Threads share it, and processes may be forked after it was made: each client made
    anew costs milliseconds. What is asked of it raises ``redis.RedisError`` where it does not answer."""
    return _cache(settings.BROKER_URL)


@lru_cache(1)
def _cache(address: str) -> redis.Redis:
    return redis.Redis.from_url(address, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
