"""Settings of the test suite; tests/support/services.py starts PostgreSQL and Redis before."""

import tempfile
from pathlib import Path
from typing import cast

from menjin import env

from .base import *
from .base import INSTALLED_APPS, STORAGES, database, redis_services

DEPLOYMENT = "test"
# Static files are served from the packages themselves; nothing is collected.
STATIC_ROOT = None
SECRET_KEY = "a secret of the tests only"  # noqa: S105 - guards nothing
FIELD_KEYS = ["a field key of the tests only"]
ALLOWED_HOSTS = ["*"]
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.quick_flush"]

VAR = Path(tempfile.mkdtemp(prefix="menjin-test-"))
STORAGES = {
    **STORAGES,
    # It refuses files inside a transaction (decision 0028).
    "default": {
        "BACKEND": "tests.support.guarded_storage.GuardedStorage",
        "OPTIONS": {"location": VAR / "media"},
    },
}
DATABASES = {"default": database(env.text("TEST_DATABASE_URL"))}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads of a test must see the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR / "test.sqlite3")}
    # No test cuts the power of the machine it runs on.
    options = cast("dict[str, str]", DATABASES["default"]["OPTIONS"])
    options["init_command"] = options["init_command"].replace("=FULL", "=OFF")
elif template := env.text("TEST_DATABASE_TEMPLATE", ""):
    # A database of tests/support/services.py in which every migration has run.
    DATABASES["default"]["TEST"] = {"TEMPLATE": template}
REDIS_URL = env.text("TEST_REDIS_URL", "")
if REDIS_URL:
    CACHES, CHANNEL_LAYERS = redis_services(REDIS_URL)
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CELERY_BROKER_URL = "memory://localhost/"
CELERY_TASK_ACKS_LATE = False
TERMINAL_CALL_NETWORKS = ["127.0.0.0/8"]
GALLERY_CHECK_SECONDS = 0.0
# Else each test client walks through every static file there is before its first request.
WHITENOISE_AUTOREFRESH = True
