"""What the clock asks of this app."""

from celery import shared_task

from hub.community import mails


@shared_task(name="hub.community.mails_send", expires=60)
def mails_send() -> None:
    """Every minute: notifications by mail."""
    mails.mails_send()
