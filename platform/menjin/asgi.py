"""ASGI entry: live sockets, and plain HTTP too when one process serves everything."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "menjin.settings.production")
http = get_asgi_application()

from console.routing import websocket_urlpatterns  # noqa: E402 - needs the apps loaded first
from console.websocket_origins import SameOriginSockets  # noqa: E402 - needs the apps loaded first
from terminal_api.body_buffer_asgi import BodyBufferAsgi  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": BodyBufferAsgi(http),
        "websocket": SameOriginSockets(CookieMiddleware(URLRouter(websocket_urlpatterns))),
    }
)
