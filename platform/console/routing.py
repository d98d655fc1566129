"""Addresses of the live sockets."""

from typing import Any

websocket_urlpatterns: list[Any] = []
