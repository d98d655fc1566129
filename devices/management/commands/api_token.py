"""``manage.py api_token NAME``: make a key to the REST interface."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from devices.services import api_token_create
from server_common.acting import acting_as, command_actor


class Command(BaseCommand):
    """Print a new token, and nothing else, on standard output."""

    help = "Make a token for the REST interface that acts as the user NAME, and print it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name the token acts as")
        parser.add_argument(
            "--create-superuser",
            action="store_true",
            help="make NAME a superuser without a password if there is no such user",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["name"]
        with acting_as(command_actor("api_token")), transaction.atomic():
            user = User.objects.filter(username=name).first()
            if user is None:
                if not options["create_superuser"]:
                    raise CommandError(f"no user {name}; add --create-superuser to make one")
                user = User.objects.create_superuser(username=name)
                user.set_unusable_password()
                user.save(update_fields=["password"])
            token = api_token_create(user=user, name=name)
        self.stdout.write(token)
