"""Command ``manage.py tls_prepare``: what nginx needs to serve people over TLS."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from server_common.certificates import (
    Known,
    UnusableCertificate,
    certificate_prepare,
    certificate_take,
    configuration_write,
)


class Command(BaseCommand):
    """Make a self-signed certificate where there is none, and write for nginx which kind it has."""

    help = (
        "Prepare the folder of nginx's certificate: certificate.pem and key.pem are left alone or,"
        " where there are none, made self-signed; nginx.conf is written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where certificate.pem and key.pem lie")
        parser.add_argument(
            "--https-port", type=int, default=443, help="port under which people reach nginx"
        )

        parser.add_argument(
            "--take",
            action="store_true",
            help="read a certificate, its chain and its key from standard input, and keep them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        try:
            if options["take"]:
                certificate_take(folder, sys.stdin.buffer.read())
            prepared = certificate_prepare(folder, hosts=settings.ALLOWED_HOSTS)
        except UnusableCertificate as error:
            raise CommandError(f"the certificate in {folder} is of no use: {error}") from error
        known = Known(
            is_self_signed=prepared.is_self_signed,
            hosts=settings.ALLOWED_HOSTS,
            proxies=settings.TRUSTED_PROXIES,
            https_port=options["https_port"],
            hsts_s=settings.SECURE_HSTS_SECONDS,
        )
        configuration_write(folder, known)
        kind = "self-signed" if prepared.is_self_signed else "signed"
        self.stdout.write(f"{kind} certificate, ends {prepared.expires:%Y-%m-%d}")
        if prepared.is_self_signed:
            self.stdout.write(f"browsers warn; compare its SHA-256: {prepared.fingerprint}")
