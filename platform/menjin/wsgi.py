"""WSGI entry: the terminal API, the admin and the REST interface."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "menjin.settings.production")
django_application = get_wsgi_application()

from terminal_api.body_buffer_wsgi import BodyBufferWsgi  # noqa: E402 - needs the apps loaded first
from terminal_api.wsgi import TerminalApiWsgi  # noqa: E402

application = BodyBufferWsgi(TerminalApiWsgi(django_application))
