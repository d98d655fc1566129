"""Addresses of the live sockets."""

from typing import Any

from django.urls import path

from console.consumers import LiveConsumer

websocket_urlpatterns: list[Any] = [path("ws/live/", LiveConsumer.as_asgi())]
