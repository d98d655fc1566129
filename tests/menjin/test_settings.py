"""Settings are safe by default and stop the process by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from menjin import env
from tests.support.processes import ROOT

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "menjin.settings.production",
    "SECRET_KEY": "abcdefghijklmnopqrstuvwxyz" * 3,
    "FIELD_KEY": "f" * 60,
    "ALLOWED_HOSTS": "door.example.com",
    "DATABASE_URL": "postgres://menjin:secret@127.0.0.1:1/menjin",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run Django's deployment checks in a process of their own."""
    bare = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={**bare, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_passes_djangos_deployment_checks() -> None:
    done = check(PRODUCTION)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "FIELD_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"]
)
def test_production_names_what_is_missing(name: str) -> None:
    done = check({key: value for key, value in PRODUCTION.items() if key != name})

    assert done.returncode != 0
    assert f"environment variable {name} is required" in done.stderr


def test_malformed_values_are_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="N must be a whole number"):
        env.integer("N", 1, env={"N": "many"})
    with pytest.raises(ImproperlyConfigured, match="N must be at least 5"):
        env.integer("N", 7, minimum=5, env={"N": "4"})
    with pytest.raises(ImproperlyConfigured, match="F must be 1 or 0"):
        env.flag("F", default=True, env={"F": "perhaps"})
    assert env.words("W", env={"W": " a, ,b "}) == ["a", "b"]


def test_embedded_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    first = env.local_secret(tmp_path, "A")
    second = env.local_secret(tmp_path, "B")

    assert env.local_secret(tmp_path, "A") == first != second
    assert len(first) >= 60
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_our_names_and_the_standard_librarys_do_not_meet() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, platform, devices, faces, records, edge_agent;"
            "print(json.dumps([one.__file__ for one in"
            " (platform, devices, faces, records, edge_agent)]))",
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    standard, *ours = [Path(name) for name in json.loads(told.stdout)]

    assert not standard.is_relative_to(ROOT)
    assert all(path.is_relative_to(ROOT) for path in ours)
