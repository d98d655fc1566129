"""Settings shared by every way to run Menjin; safe by default, overridden by its siblings."""

from datetime import timedelta
from pathlib import Path

import dj_database_url
from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _

from menjin import env

BASE_DIR = Path(__file__).resolve().parents[3]
VAR = Path(env.text("MENJIN_VAR", str(BASE_DIR / "var"))).resolve()

DEBUG = False
ALLOWED_HOSTS: list[str] = env.words("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
# Where terminals and browsers reach this platform, when it is not simply the host they asked for.
PUBLIC_URL = env.text("PUBLIC_URL", "").rstrip("/")
# Scheme and host of pictures where those of BaseUrls are too long for the 128 characters of 9.1.
PICTURE_URL = env.text("MENJIN_PICTURE_URL", "").rstrip("/")
# Proxies (addresses or networks) whose X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

INSTALLED_APPS = [
    "console.admin_config.MenjinAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "axes",
    "server_common",
    "devices",
    "faces",
    "records",
    "console",
]

MIDDLEWARE = [
    "server_common.request_ids.RequestIdMiddleware",
    "terminal_api.middleware.TerminalApiMiddleware",
    "server_common.content_security_policy.ContentPolicyMiddleware",
    "console.sign_in.SignInMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.session_middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "server_common.actor.ActingMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "menjin.urls"
WSGI_APPLICATION = "menjin.wsgi.application"
ASGI_APPLICATION = "menjin.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ]
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = [
    "server_common.password_pool.PooledHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
# Passwords that one process checks at once; three times as many wait, the rest come again.
PASSWORD_SLOTS = env.integer("MENJIN_PASSWORD_SLOTS", 2, minimum=1)
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "console:sign-in"
LOGIN_REDIRECT_URL = "console:live"
LOGOUT_REDIRECT_URL = "console:sign-in"

# Failed sign-ins make an account wait at an address (server_common.sign_in_guard).
AXES_HANDLER = "server_common.sign_in_guard.SignInGuard"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_CALLABLE = "console.sign_in.locked_out"
AXES_CLIENT_IP_CALLABLE = "server_common.addresses.client_address"
# Tries while waiting are not looked at, and put nothing off.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
SIGN_IN_FAILURES_KEPT = timedelta(days=env.integer("MENJIN_SIGN_IN_FAILURES_DAYS", 90, minimum=1))

SESSION_ENGINE = "console.session_store"
# How long a browser stays signed in, and how long without use; the live page as long as it is open.
SESSION_LIFETIME = timedelta(hours=env.integer("MENJIN_SESSION_HOURS", 14 * 24, minimum=1))
SESSION_IDLE = timedelta(hours=env.integer("MENJIN_SESSION_IDLE_HOURS", 12, minimum=1))
# Browsers keep the key as long as they keep any; the platform decides what it is good for.
SESSION_COOKIE_AGE = 400 * 24 * 3600

LANGUAGE_CODE = env.text("MENJIN_LANGUAGE", "en")
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "platform" / "menjin" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT: Path | None = VAR / "static"
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR / "media"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# How long files that no row named can be put back (console.unnamed_files).
TRASH_KEPT = timedelta(days=env.integer("MENJIN_TRASH_DAYS", 30, minimum=1))
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
# Set by nginx set-ups: pictures are answered with X-Accel-Redirect below this internal location.
ACCEL_LOCATION = env.text("MENJIN_ACCEL_LOCATION", "")

SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Larger than the 700 K picture of seed 9.2 with an ID card portrait beside it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
TERMINAL_BODY_LIMIT_BYTES = env.integer("MENJIN_TERMINAL_BODY_LIMIT", 8 * 1024 * 1024, minimum=1024)
# Requests of terminals that one process works on at once; its server needs four times as many
# threads, so that others can wait or be turned away meanwhile (terminal_api.load).
TERMINAL_SLOTS = env.integer("MENJIN_TERMINAL_SLOTS", 8, minimum=2)
# Connections of the embedded server, in all and of one address; nginx has its own (docker/).
CONNECTIONS_MOST = env.integer("MENJIN_CONNECTIONS", 2000, minimum=10)
CONNECTIONS_PER_ADDRESS = env.integer("MENJIN_CONNECTIONS_PER_ADDRESS", 1000, minimum=10)
# Bodies that one process holds in memory at once while they arrive and are worked on.
BODIES_LIMIT_BYTES = env.integer("MENJIN_BODIES_LIMIT", 256 * 1024 * 1024, minimum=32 * 1024 * 1024)
PHOTO_LIMIT_BYTES = env.integer("MENJIN_PHOTO_LIMIT", 12 * 1024 * 1024, minimum=1024)
PHOTO_LIMIT_PIXELS = env.integer("MENJIN_PHOTO_LIMIT_PIXELS", 51_000_000, minimum=10_000)
# Memory that decoding may take: of a picture from a terminal, of one from a signed-in caller, and
# of all pictures of a process together, which wait for each other (face_engine.PictureBudget).
TERMINAL_PICTURE_BYTES = env.integer(
    "MENJIN_TERMINAL_PICTURE_BYTES", 64 * 1024 * 1024, minimum=1024 * 1024
)
UPLOAD_PICTURE_BYTES = env.integer(
    "MENJIN_UPLOAD_PICTURE_BYTES", 256 * 1024 * 1024, minimum=1024 * 1024
)
# A third is for usual pictures only, so the largest that is allowed needs half as much again.
_PICTURE_BUDGET_LEAST = max(
    128 * 1024 * 1024, -(-3 * max(TERMINAL_PICTURE_BYTES, UPLOAD_PICTURE_BYTES) // 2)
)
PICTURE_BUDGET_BYTES = env.integer(
    "MENJIN_PICTURE_BUDGET",
    max(384 * 1024 * 1024, _PICTURE_BUDGET_LEAST),
    minimum=_PICTURE_BUDGET_LEAST,
)
# How long a picture waits for that at most, in seconds, by faces.services.PictureOrigin.
PICTURE_WAIT_S = {"door": 2.0, "upload": 20.0, "background": 60.0}
# Undecoded pictures of terminals that wait for approval: bytes of a site, a quarter of a terminal.
PENDING_PICTURES_BYTES = env.integer("MENJIN_PENDING_PICTURES", 64 * 1024 * 1024, minimum=0)
# Calls a second in the long run, and at once: of one terminal, of one address (a fleet behind one
# NAT), and of callers without a valid token.
TERMINAL_RATE = (
    env.integer("MENJIN_TERMINAL_RATE", 10, minimum=1),
    env.integer("MENJIN_TERMINAL_BURST", 100, minimum=1),
)
ADDRESS_RATE = (
    env.integer("MENJIN_ADDRESS_RATE", 500, minimum=1),
    env.integer("MENJIN_ADDRESS_BURST", 5000, minimum=1),
)
STRANGER_RATE = (
    env.integer("MENJIN_STRANGER_RATE", 5, minimum=1),
    env.integer("MENJIN_STRANGER_BURST", 100, minimum=1),
)
# Networks in which terminals may be called (chapters 4 to 8). Empty: anywhere but this machine
# itself, link-local and metadata addresses, translated forms, and what is no host at all.
TERMINAL_CALL_NETWORKS = env.networks("MENJIN_CALL_NETWORKS")
# Parts of the platform (host:port) at which no terminal is, beside those named by other settings.
OWN_SERVICES = env.words("MENJIN_OWN_SERVICES")
# How long it is kept who changed what, in days.
AUDIT_DAYS = env.integer("MENJIN_AUDIT_DAYS", 730, minimum=1)
# One answer to /syrecord lists at most this many changes.
SYNC_PAGE_SIZE = env.integer("MENJIN_SYNC_PAGE_SIZE", 500, minimum=1)
# How long a picture address handed to a terminal stays valid, in seconds.
PICTURE_URL_SECONDS = env.integer("MENJIN_PICTURE_URL_SECONDS", 24 * 3600, minimum=60)
# From which similarity on a 1:N search names people; a match is 60 or more.
IDENTIFY_FLOOR = env.integer("MENJIN_IDENTIFY_FLOOR", 60, minimum=0)
# A change of the gallery is seen by every process after at most this long, in seconds.
GALLERY_CHECK_SECONDS = 0.5

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "devices.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["devices.permissions.SiteScoped"],
    "DEFAULT_PAGINATION_CLASS": "server_common.api_defaults.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "server_common.openapi_errors.DescribedSchema",
    "DEFAULT_PARSER_CLASSES": [
        "server_common.api_defaults.BoundedJSONParser",
        "server_common.api_defaults.UploadParser",
        "server_common.api_defaults.BoundedFormParser",
    ],
    # No HTML: its forms offer every row of related tables. People browse /api/v1/docs/.
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "server_common.api.exception_handler",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Menjin",
    "DESCRIPTION": "Fleets of face-recognition door terminals: people, doors, records, alerts.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["devices.permissions.SiteScoped"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "TerminalStatusEnum": "devices.choices.TerminalStatus",
        "AlertStateEnum": "records.choices.AlertState",
        "PersonStateEnum": "faces.choices.PersonState",
        "ResultEnum": "records.choices.VerificationResult",
        "VerificationEnum": "devices.choices.Verification",
        "CommandKindEnum": "devices.command_kinds.kind_choices",
        "CommandStateEnum": "devices.choices.CommandState",
        "ReasonEnum": "records.choices.Reason",
        "RefusedReasonEnum": "devices.choices.RefusedReason",
        "JobStateEnum": "devices.choices.JobState",
        "DeliveryStateEnum": "faces.choices.DeliveryState",
    },
}

CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Calls of terminals wait for networks; their queue has workers of its own, with many threads.
CELERY_TASK_ROUTES = {
    "*.tasks.command_run": {"queue": "calls"},
    "devices.tasks.commands_dispatch": {"queue": "calls"},
}
CELERY_TASK_TIME_LIMIT = 15 * 60
CELERY_TASK_SOFT_TIME_LIMIT = 14 * 60
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    "presence-flush": {"task": "devices.tasks.presence_flush", "schedule": 10.0},
    "presence-sweep": {"task": "records.tasks.presence_alarms", "schedule": 15.0},
    "validity-sweep": {"task": "faces.tasks.validity_sweep", "schedule": 20.0},
    "photos-waiting": {"task": "faces.tasks.photos_process_waiting", "schedule": 30.0},
    "pictures-waiting": {"task": "records.tasks.pictures_process_waiting", "schedule": 60.0},
    "waiting-files-sweep": {"task": "records.tasks.waiting_files_sweep", "schedule": 3600.0},
    "files-sweep": {"task": "console.tasks.files_sweep", "schedule": 600.0},
    "files-erase": {"task": "faces.tasks.files_erase", "schedule": 60.0},
    "commands-sweep": {"task": "devices.tasks.commands_sweep", "schedule": 5.0},
    "jobs-sweep": {"task": "devices.tasks.jobs_sweep", "schedule": 15.0},
    "sign-ins-sweep": {"task": "console.tasks.sign_ins_sweep", "schedule": 3600.0},
    # 03:30 in Shanghai, when few people pass.
    "clocks-sync": {"task": "devices.tasks.clocks_sync", "schedule": crontab(hour=19, minute=30)},
    "audit-forget": {"task": "devices.tasks.audit_forget", "schedule": crontab(hour=18, minute=15)},
    "newcomers-forget": {"task": "devices.tasks.newcomers_forget", "schedule": 900.0},
    "gallery-rebuild": {"task": "faces.tasks.galleries_rebuild", "schedule": 3600.0},
}


def database(url: str) -> dict[str, object]:
    """Return Django's database entry for a URL; SQLite gets WAL and serialised writers."""
    conf = dict(dj_database_url.parse(url, conn_max_age=0 if url.startswith("sqlite") else 60))
    if url.startswith("sqlite"):
        conf["OPTIONS"] = {
            # BEGIN IMMEDIATE: two writers queue up instead of failing half-way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;",
        }
    else:
        conf["CONN_HEALTH_CHECKS"] = True
    return conf


def redis_services(url: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return the cache and channel layer settings for a Redis address."""
    return (
        {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}},
        {
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [url], "prefix": "menjin"},
            }
        },
    )


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "server_common.request_ids.RequestIdFilter"},
        "refusals": {"()": "server_common.refusal_log_filter.RefusalFilter"},
        "redact": {"()": "server_common.redaction.RedactionFilter"},
        "not_shed": {"()": "menjin.log_filters.ShedRequestFilter"},
    },
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id", "refusals", "redact"],
        }
    },
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "django.request": {"filters": ["not_shed"]},
        "uvicorn.access": {"level": "WARNING"},
        # One line per periodic task every ten seconds helps no operator.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.consumer": {"level": "WARNING"},
        "uvicorn.error": {"level": "WARNING"},
        "faiss.loader": {"level": "WARNING"},
        # At INFO it writes every address it calls, signature included.
        "httpx": {"level": "WARNING"},
    },
}
