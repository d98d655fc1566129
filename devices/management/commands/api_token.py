"""Make a key to the REST interface (``manage.py api_token NAME``)."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from devices.models import Site
from devices.services import api_token_create
from server_common.actor import acting_as, command_actor

_DAYS_MOST = 36_500


def _sites(codes: list[str] | None) -> list[Site] | None:
    if codes is None:
        return None
    found = {site.code: site for site in Site.objects.filter(code__in=codes)}
    missing = [code for code in codes if code not in found]
    if missing:
        raise CommandError(f"no site {missing[0]}")
    return list(found.values())


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
        parser.add_argument("--label", help="what the token is for; default: NAME")
        parser.add_argument("--days", type=int, help="days until it ends; default: it does not")
        parser.add_argument(
            "--site", action="append", help="code of a site it is limited to; may be repeated"
        )
        parser.add_argument(
            "--read-only", action="store_true", help="refuse whatever changes something"
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
            days: int | None = options["days"]
            if days is not None and not 0 < days <= _DAYS_MOST:
                raise CommandError(f"--days must be 1 to {_DAYS_MOST}")
            token = api_token_create(
                user=user,
                name=options["label"] or name,
                expires_at=None if days is None else timezone.now() + timedelta(days=days),
                sites=_sites(options["site"]),
                read_only=options["read_only"],
            )
        self.stdout.write(token)
