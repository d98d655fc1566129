"""WSGI entry: the terminals' lane, the admin and the REST interface."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "menjin.settings.production")
application = get_wsgi_application()
