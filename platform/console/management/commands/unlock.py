"""Command ``manage.py unlock NAME``: let an account sign in again after failed sign-ins."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.models import SignInLock
from console.sign_outs import waits_end
from server_common.actor import acting_as, command_actor


class Command(BaseCommand):
    """Unlock an account, for example that of the last administrator."""

    help = "Let the user NAME sign in from every address again, and say at how many it waited."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name of the account")

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["name"]
        if not User.objects.filter(username=name).exists():
            raise CommandError(f"no user {name}")
        with acting_as(command_actor("unlock")):
            count = waits_end(SignInLock.objects.filter(username=name))
        self.stdout.write(f"unlocked {name} at {count} {'address' if count == 1 else 'addresses'}")
