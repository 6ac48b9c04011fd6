"""What the clock asks of this app."""

from celery import shared_task

from hub.community import actions, mails


@shared_task(name="hub.community.mails_send", expires=60)
def mails_send() -> None:
    """Every minute: notifications by mail."""
    mails.mails_send()


@shared_task(name="hub.community.models_recount", expires=300)
def models_recount() -> None:
    """Every five minutes: comments and collections of models, for the lists' orders."""
    actions.models_recount()
