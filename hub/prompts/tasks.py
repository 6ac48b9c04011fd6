"""What the prompt library does by itself, on the clock."""

from celery import shared_task

from hub.catalog.counts import words_count as count


@shared_task(name="hub.prompts.words_count", expires=3600)
def words_count() -> None:
    """Every night: the vocabulary of the prompts."""
    count("prompts_word", "prompts_prompt")
