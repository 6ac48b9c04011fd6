"""``manage.py admin_create NAME EMAIL``: the first admin, or one more."""

from getpass import getpass
from secrets import token_urlsafe
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.accounts import actions
from hub.errors import Refused


class Command(BaseCommand):
    help = "Make an account that may do everything. Its password is asked for, or printed once with --generate."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("email")
        parser.add_argument("--generate", action="store_true", help="make a password and print it, once")

    def handle(self, *args: Any, name: str, email: str, generate: bool, **options: Any) -> None:
        password = token_urlsafe(15) if generate else self._asked()
        try:
            user = actions.admin_create(name=name, email=email, password=password)
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        self.stdout.write(f"{user.username} is an admin.")
        if generate:
            self.stdout.write(f"Password: {password}\nIt is shown only here. Change it under Settings.")

    def _asked(self) -> str:
        password = getpass("Password: ")
        if password != getpass("The same again: "):
            raise CommandError("These were two different passwords.")
        return password
