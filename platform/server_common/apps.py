"""Django application of what all apps share."""

from django.apps import AppConfig


class ServerCommonConfig(AppConfig):
    name = "server_common"
