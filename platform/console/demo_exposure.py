"""Check that the demonstration is not served to the network while it admits any terminal."""

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from console.server_locks import is_loopback
from devices.selectors import demonstration_site


def demo_exposure_check(host: str) -> None:
    """Refuse to serve beyond loopback while the demonstration admits any terminal.

    Its site admits unknown terminals by itself and serves the address without a token, so whoever
    reaches it gets names and photos, and opens its door. Other sites may do so on purpose.

    Raises:
        CommandError: with the ways out.
    """
    if is_loopback(host):
        return
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError(
            "the database is not up to date, run this first: python manage.py migrate"
        )
    site = demonstration_site()
    if site is not None and (site.auto_approve or site.allow_bare_path):
        raise CommandError(
            f'the demonstration ("{site.name}") lets in every terminal that calls, so it is not '
            f"served at {host or 'every address'}: python manage.py demo --close ends that, "
            "python manage.py demo --remove erases the demonstration and its people and keeps "
            "the administrator"
        )
