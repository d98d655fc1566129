"""PostgreSQL, Redis, Celery, WSGI and ASGI servers behind nginx; all from the environment."""

from menjin import env
from server_common.private_files import files_private

from .base import *
from .base import STORAGES, VAR, database, redis_services

DEPLOYMENT = "production"
files_private(VAR)
SECRET_KEY = env.text("SECRET_KEY")
FIELD_KEYS = env.keys("FIELD_KEY") or [env.text("FIELD_KEY")]
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or [env.text("ALLOWED_HOSTS")]
DATABASES = {"default": database(env.text("DATABASE_URL"))}
REDIS_URL = env.text("REDIS_URL")
CACHES, CHANNEL_LAYERS = redis_services(REDIS_URL)
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}

# nginx ends TLS for browsers and says so, if it is one of TRUSTED_PROXIES; terminals reach the same
# names over plain HTTP.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.integer("MENJIN_HSTS_SECONDS", 3600)
# Terminals cannot follow a redirect to https (seed 9.1); nginx redirects browsers (docker/), and
# leaves HSTS out as long as its certificate is self-signed.
SECURE_SSL_REDIRECT = False
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]

if bucket := env.text("S3_BUCKET", ""):
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": env.text("S3_ENDPOINT_URL", "") or None,
            "default_acl": "private",
            "querystring_auth": True,
        },
    }
