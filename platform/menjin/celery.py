"""The Celery application: ``celery -A menjin worker`` and ``celery -A menjin beat``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "menjin.settings.production")

app = Celery("menjin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["devices", "faces", "records", "console"])
