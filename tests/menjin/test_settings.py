"""Settings: safe without anybody's help, and refusing to start half configured."""

import json
import os
import platform
import secrets
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from menjin import env

ROOT = Path(__file__).parents[2]
FULL = {
    "SECRET_KEY": "only-of-the-tests-0123456789-and-long-enough-to-be-a-key",
    "FIELD_KEY": "field-key-of-the-tests-only-0123456789-abcdef",
    "ALLOWED_HOSTS": "door.example",
    "DATABASE_URL": "postgres://menjin:secret@127.0.0.1:1/menjin",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
OURS = {*FULL, "FIELD_KEYS", "DJANGO_SETTINGS_MODULE", "PUBLIC_URL", "TRUSTED_PROXIES"}


def run(
    environment: dict[str, str], *arguments: str, settings: str = "menjin.settings.production"
) -> "subprocess.CompletedProcess[str]":
    """Run a management command with nothing of ours in the environment but what is given."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith(("MENJIN_", "S3_"))
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "manage.py", *arguments],
        cwd=ROOT,
        env={**inherited, "DJANGO_SETTINGS_MODULE": settings, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("missing", FULL)
def test_production_does_not_start_without_each_of_these(missing: str) -> None:
    given = {name: value for name, value in FULL.items() if name != missing}

    for environment in (given, {**given, missing: "  "}):
        done = run(environment, "check")
        assert done.returncode != 0
        assert f"environment variable {missing} is required" in done.stderr


@pytest.mark.slow
def test_a_full_production_environment_passes_djangos_own_review(tmp_path: Path) -> None:
    done = run({**FULL, "MENJIN_VAR": str(tmp_path)}, "check", "--deploy", "--fail-level", "INFO")

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MENJIN_SYNC_PAGE_SIZE", "0", "at least 1"),
        ("MENJIN_SYNC_PAGE_SIZE", "many", "whole number"),
        ("MENJIN_TERMINAL_RATE", "-5", "at least 1"),
        ("MENJIN_PICTURE_URL_SECONDS", "1.5", "whole number"),
        # The largest picture that is allowed would never fit: it needs two thirds.
        ("MENJIN_PICTURE_BUDGET", "402653183", "at least 402653184"),
        ("MENJIN_CALL_NETWORKS", "10.0.0.0/8,10.0.0.0/99", "networks"),
    ],
)
def test_a_malformed_value_stops_the_process_by_name(name: str, value: str, told: str) -> None:
    done = run({**FULL, name: value}, "check")

    assert done.returncode != 0
    assert f"environment variable {name} must be" in done.stderr
    assert told in done.stderr
    assert FULL["SECRET_KEY"] not in done.stderr


@pytest.mark.slow
def test_a_larger_limit_for_pictures_brings_its_budget(tmp_path: Path) -> None:
    """Otherwise a picture below the limit would be refused, for ever."""
    limit = {"MENJIN_VAR": str(tmp_path), "MENJIN_UPLOAD_PICTURE_BYTES": "400000001"}
    asked = "from django.conf import settings; print(settings.PICTURE_BUDGET_BYTES)"

    done = run({**FULL, **limit}, "shell", "-v", "0", "-c", asked)
    refused = run({**FULL, **limit, "MENJIN_PICTURE_BUDGET": "600000001"}, "check")

    assert done.stdout.strip() == "600000002"
    assert "MENJIN_PICTURE_BUDGET must be at least 600000002" in refused.stderr


_TELL = """
import json
from django.conf import settings
names = ["DEBUG", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "CSRF_COOKIE_SECURE",
         "X_FRAME_OPTIONS", "ALLOWED_HOSTS", "FIELD_KEYS", "PUBLIC_URL", "TRUSTED_PROXIES",
         "SECRET_KEY"]
print(json.dumps({name: getattr(settings, name) for name in names}))
"""


def told(environment: dict[str, str], *, settings: str = "menjin.settings.production") -> Any:
    """Return settings as a process with this environment has them."""
    done = run(environment, "shell", "-v", "0", "-c", _TELL, settings=settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_production_is_safe_and_takes_what_it_is_given(tmp_path: Path) -> None:
    values = told(
        {
            **FULL,
            "MENJIN_VAR": str(tmp_path),
            "ALLOWED_HOSTS": "a.example, b.example",
            "FIELD_KEY": FULL["FIELD_KEY"],
            "PUBLIC_URL": "http://a.example/",
            "TRUSTED_PROXIES": "172.16.0.0/12",
        }
    )

    assert values["DEBUG"] is False
    assert values["SESSION_COOKIE_SECURE"] is values["CSRF_COOKIE_SECURE"] is True
    assert values["SESSION_COOKIE_HTTPONLY"] is True
    assert values["X_FRAME_OPTIONS"] == "DENY"
    assert values["ALLOWED_HOSTS"] == ["a.example", "b.example"]
    assert values["PUBLIC_URL"] == "http://a.example"
    assert values["TRUSTED_PROXIES"] == ["172.16.0.0/12"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_field_key_is_rotated_as_the_example_file_says(tmp_path: Path) -> None:
    """New key first, the old one behind a comma (.env.example)."""
    new = FULL["FIELD_KEY"]
    values = told({**FULL, "MENJIN_VAR": str(tmp_path), "FIELD_KEY": f"{new},old"})

    assert values["FIELD_KEYS"] == [new, "old"]


@pytest.mark.parametrize("settings", ["production", "embedded"])
def test_no_process_starts_with_a_field_key_that_can_be_guessed(
    settings: str, tmp_path: Path
) -> None:
    given = {**FULL, "MENJIN_VAR": str(tmp_path), "FIELD_KEY": "too short"}

    done = run(given, "check", settings=f"menjin.settings.{settings}")

    assert done.returncode != 0
    assert "environment variable FIELD_KEY must begin with 32 random bytes" in done.stderr
    assert "too short" not in done.stderr


@pytest.mark.parametrize(
    "key",
    [secrets.token_hex(31), secrets.token_urlsafe(31), "f" * 64, "ab" * 40, "changeme", "0" * 99],
    ids=["hex", "url-safe", "one letter", "two letters", "a word", "noughts"],
)
def test_less_than_32_random_bytes_are_no_key(key: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="A must begin with 32 random bytes"):
        env.keys("A", env={"A": f"{key},{secrets.token_urlsafe(48)}"})


@pytest.mark.parametrize("write", [secrets.token_hex, secrets.token_urlsafe])
def test_32_random_bytes_are_a_key(write: Callable[[int], str]) -> None:
    for size in (32, 48):
        key = write(size)
        assert env.keys("A", env={"A": f"{key},old"}) == [key, "old"]
    assert env.keys("A", env={}) == []


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["production", "embedded"])
def test_what_processes_write_is_readable_by_their_user_only(settings: str, tmp_path: Path) -> None:
    kept = tmp_path / "var"
    kept.mkdir(mode=0o755)
    (kept / "menjin.sqlite3").touch(mode=0o644)
    write = (
        "from pathlib import Path; from django.conf import settings as s;"
        "from django.core.files.base import ContentFile;"
        "from django.core.files.storage import default_storage;"
        "default_storage.save('a/b/picture.jpg', ContentFile(b'x'));"
        "(Path(s.VAR) / 'schedule').write_text('')"
    )
    before = os.umask(0o022)
    try:
        done = run(
            {**FULL, "MENJIN_VAR": str(kept)}, "shell", "-v", "0", "-c", write,
            settings=f"menjin.settings.{settings}",
        )  # fmt: skip
    finally:
        os.umask(before)

    assert done.returncode == 0, done.stderr
    found = {path.name: path.stat().st_mode & 0o777 for path in (kept, *kept.rglob("*"))}
    assert {"var", "menjin.sqlite3", "schedule", "media", "a", "b", "picture.jpg"} <= set(found)
    folders = {"var", "media", "a", "b"}
    assert {name: oct(mode) for name, mode in found.items()} == {
        name: oct(0o700 if name in folders else 0o600) for name in found
    }


@pytest.mark.slow
def test_the_embedded_server_makes_its_own_secrets_once(tmp_path: Path) -> None:
    environment = {"MENJIN_VAR": str(tmp_path)}

    first = told(environment, settings="menjin.settings.embedded")
    again = told(environment, settings="menjin.settings.embedded")

    assert first == again
    assert len(first["SECRET_KEY"]) >= 50
    assert first["SECRET_KEY"] not in first["FIELD_KEYS"]
    assert first["DEBUG"] is False
    kept = tmp_path / "secrets.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_text_is_stripped_and_required_without_a_default() -> None:
    assert env.text("A", env={"A": " x "}) == "x"
    assert env.text("A", "y", env={"A": "  "}) == "y"
    assert env.text("A", "", env={}) == ""
    with pytest.raises(ImproperlyConfigured, match="A is required"):
        env.text("A", env={})


@pytest.mark.parametrize(
    ("raw", "value"),
    [("1", True), ("TRUE", True), (" yes ", True), ("on", True), ("0", False), ("False", False),
     ("no", False), ("off", False), ("", False), (None, True)],
)  # fmt: skip
def test_flags_are_read_in_the_usual_words(raw: str | None, value: bool) -> None:
    given = {} if raw is None else {"A": raw}

    assert env.flag("A", default=True, env=given) is value


@pytest.mark.parametrize(
    "read",
    [
        lambda given: env.flag("A", default=True, env=given),
        lambda given: env.integer("A", 3, env=given),
        lambda given: env.integer("A", 3, minimum=100, env={**given, "A": "99"}),
    ],
)
def test_anything_else_is_refused_by_the_variables_name(
    read: Callable[[dict[str, str]], object],
) -> None:
    with pytest.raises(ImproperlyConfigured, match="variable A must be"):
        read({"A": "maybe"})


def test_numbers_and_lists_are_read() -> None:
    assert env.integer("A", 3, env={}) == 3
    assert env.integer("A", 3, env={"A": " 7 "}) == 7
    assert env.words("A", env={"A": "a, b,,c "}) == ["a", "b", "c"]
    assert env.words("A", "x,y", env={}) == ["x", "y"]
    assert env.words("A", env={}) == []


def test_each_local_secret_is_made_once(tmp_path: Path) -> None:
    first = env.local_secret(tmp_path / "new", "SECRET_KEY")
    other = env.local_secret(tmp_path / "new", "FIELD_KEY")

    assert env.local_secret(tmp_path / "new", "SECRET_KEY") == first
    assert other != first


def test_the_folder_platform_hides_no_module_of_python() -> None:
    assert platform.__file__ is not None
    assert Path(platform.__file__).parent == Path(sysconfig.get_path("stdlib"))
    assert not (ROOT / "platform" / "__init__.py").exists()


@pytest.mark.parametrize(
    "name",
    ["devices", "faces", "records", "edge_agent", "menjin", "terminal_protocol", "face_engine",
     "server_common", "console", "fleet", "terminal_api"],
)  # fmt: skip
def test_our_names_mean_our_packages(name: str) -> None:
    """Packages of these names exist elsewhere; one that is installed must not win."""
    spec = find_spec(name)

    assert spec is not None
    assert spec.origin is not None
    assert ROOT in Path(spec.origin).parents
    assert ".venv" not in Path(spec.origin).parts
