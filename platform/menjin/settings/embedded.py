"""One process, no service: SQLite, in-process tasks, sockets and presence, files under var/."""

from menjin import env
from server_common.private_files import files_private

from .base import *
from .base import ALLOWED_HOSTS, TERMINAL_CALL_NETWORKS, VAR, database, redis_services

DEPLOYMENT = "embedded"
files_private(VAR)
# Static files are served from the packages themselves; nothing is collected.
STATIC_ROOT = None
SECRET_KEY = env.text("SECRET_KEY", "") or env.local_secret(VAR, "SECRET_KEY")
FIELD_KEYS = env.keys("FIELD_KEY") or [env.local_secret(VAR, "FIELD_KEY")]
ALLOWED_HOSTS = ALLOWED_HOSTS or ["*"]

# A first start has no TLS in front; terminals speak plain HTTP only (seed 9.1).
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False

DATABASES = {"default": database(env.text("DATABASE_URL", f"sqlite:///{VAR / 'menjin.sqlite3'}"))}
REDIS_URL = env.text("REDIS_URL", "")
if REDIS_URL:
    CACHES, CHANNEL_LAYERS = redis_services(REDIS_URL)
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# A first terminal is often a program on the same machine.
TERMINAL_CALL_NETWORKS = TERMINAL_CALL_NETWORKS or [
    "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
]  # fmt: skip

# The task queue lives in the server's process (`manage.py serve`). Nothing is lost with it: every
# task only brings derived state up to what the database says, and the schedule repeats it.
CELERY_BROKER_URL = "memory://localhost/"
CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.05}
CELERY_TASK_ACKS_LATE = False
