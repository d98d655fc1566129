"""Command ``manage.py trash``: list and restore what the sweep of unnamed files took away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.unnamed_files import trash_empty, trash_list, trash_restore


class Command(BaseCommand):
    """List and restore files in the trash, for example after a database was restored."""

    help = (
        "list: day and path of each file in the trash. restore [PATH …]: put back those that a row "
        "names now, all of them without a PATH. empty: delete everything in the trash."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "restore", "empty"])
        parser.add_argument("paths", nargs="*", metavar="PATH", help="as `list` shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        action, paths = options["action"], options["paths"]
        if paths and action != "restore":
            raise CommandError(f"{action} takes no path")
        if action == "list":
            for day, path in trash_list():
                self.stdout.write(f"{day} {path}")
        elif action == "empty":
            self.stdout.write(f"{trash_empty()} files deleted")
        else:
            self._restore(paths)

    def _restore(self, paths: list[str]) -> None:
        restored, left = trash_restore(paths or None)
        if missing := set(paths).difference(restored, left):
            raise CommandError(f"not in the trash, or there already: {', '.join(sorted(missing))}")
        self.stdout.write(f"{len(restored)} files put back, {len(left)} left: no row names them")
