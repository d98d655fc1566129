"""The Django project. Celery asks that its application is loaded whenever Django is."""

from .celery import app as celery_app

__all__ = ["celery_app"]
