from django.apps import AppConfig


class ServerCommonConfig(AppConfig):
    name = "server_common"
