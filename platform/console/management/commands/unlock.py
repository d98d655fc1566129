"""``manage.py unlock NAME``: let an account sign in again after failed sign-ins."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from server_common.sign_in_guard import unlock


class Command(BaseCommand):
    """The way back in for the last administrator, who has nobody to ask."""

    help = "Let the user NAME sign in from every address again, and say at how many it waited."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name of the account")

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["name"]
        if not User.objects.filter(username=name).exists():
            raise CommandError(f"no user {name}")
        self.stdout.write(f"unlocked {name} at {unlock(name)} addresses")
