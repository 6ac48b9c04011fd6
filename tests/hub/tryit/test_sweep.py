"""The sweep: workers die, messages are lost, and every picture is drawn or says why not."""

import datetime
import time

import pytest
from django.utils import timezone

from hub import queue
from hub.tryit import actions
from hub.tryit.models import Generation
from workers.messages import GENERATE, WORKER_ALIVE


@pytest.fixture
def generation(alice, recipe, committed):
    with committed():
        return actions.generation_create(owner=alice, recipe=recipe)


def aged(generation, seconds, **fields):
    then = timezone.now() - datetime.timedelta(seconds=seconds)
    Generation.objects.filter(pk=generation.pk).update(sent_at=then, **fields)
    generation.refresh_from_db()
    return generation


def alive(host="here"):
    queue.cache().set(WORKER_ALIVE.format(queue=GENERATE, host=host), 1, ex=60)


def taken():
    """A worker pops the message, and dies with it."""
    queue.cache().delete(GENERATE)


def test_it_works(generation, news):
    news(generation)
    actions.sweep()
    generation.refresh_from_db()
    assert generation.status == "running"
    assert generation.started_at


def test_a_silent_worker_s_job_is_handed_on(generation, news, committed, client, alice):
    taken()
    news(generation, ago=25)
    with committed():
        actions.sweep()
    generation.refresh_from_db()
    assert (generation.status, generation.attempt) == ("queued", 2)
    assert queue.waiting(GENERATE) == 1
    client.force_login(alice)
    alive()
    page = client.get(f"/try/{generation.pk}").content.decode()
    assert "The worker stopped in the middle. Another one is starting over." in page


def test_news_of_an_earlier_attempt_are_old_news(generation, news):
    news(generation, ago=25)
    actions.sweep()
    actions.sweep()
    generation.refresh_from_db()
    assert generation.attempt == 2


def test_a_running_one_whose_news_are_gone_is_handed_on(generation):
    aged(generation, 60, status="running", started_at=timezone.now() - datetime.timedelta(seconds=30))
    actions.sweep()
    generation.refresh_from_db()
    assert (generation.status, generation.attempt) == ("queued", 2)


def test_a_working_worker_is_left_alone(generation, news):
    aged(generation, 3000)
    news(generation, ago=3)
    for _ in range(3):
        actions.sweep()
    generation.refresh_from_db()
    assert (generation.status, generation.attempt) == ("running", 1)


def test_attempts_end_with_a_sentence(generation, settings, news):
    settings.JOB_ATTEMPTS = 2
    for attempt in (1, 2):
        news(generation, attempt=attempt, ago=25)
        actions.sweep()
    generation.refresh_from_db()
    assert (generation.status, generation.error_code) == ("failed", "worker-lost")
    assert "The worker stopped in the middle, 2 times." in generation.error


def test_a_lost_message_is_sent_again(generation, settings, committed):
    settings.WORKER_SILENT_SECONDS = 1
    alive()
    aged(generation, 30)
    taken()
    with committed():
        actions.sweep()
        assert queue.waiting(GENERATE) == 0  # perhaps a worker took it this very moment
        time.sleep(0.6)
        actions.sweep()
    generation.refresh_from_db()
    assert (generation.status, generation.attempt) == ("queued", 2)
    assert queue.waiting(GENERATE) == 1


def test_a_message_that_others_overtook_is_sent_again(alice, recipe, generation, settings, committed):
    settings.WORKER_SILENT_SECONDS = 1
    alive()
    aged(generation, 30)
    later = actions.generation_create(owner=alice, recipe=recipe)
    aged(later, 10, status="done", started_at=timezone.now())
    with committed():
        actions.sweep()
        time.sleep(0.6)
        actions.sweep()
    generation.refresh_from_db()
    assert generation.attempt == 2


def test_a_message_in_a_long_line_is_left_alone(generation):
    alive()
    aged(generation, 600)
    for _ in range(3):
        actions.sweep()
    generation.refresh_from_db()
    assert generation.attempt == 1


def test_without_workers_a_place_is_kept_for_an_hour(generation):
    aged(generation, 3500)
    actions.sweep()
    generation.refresh_from_db()
    assert generation.status == "queued"
    aged(generation, 3700)
    actions.sweep()
    generation.refresh_from_db()
    assert (generation.status, generation.error_code) == ("failed", "no-worker")


def test_an_empty_hub_is_quick(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        actions.sweep()
