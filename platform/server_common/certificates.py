"""Certificate of the proxy in front, and its configuration file.

A first start has no certificate, and people's cookies go over TLS only: a self-signed one is made
then. Any other that is put in its place is left alone.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE, KEY, CONFIGURATION = "certificate.pem", "key.pem", "nginx.conf"
_MADE_BY = "Menjin, made at first start"
# Longer ones are refused by some systems even where their user trusts them.
_VALID = timedelta(days=800)
_RENEW_BEFORE = timedelta(days=60)
_HTTPS_PORT = 443
_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]+")
_BLOCK = re.compile(rb"(-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \2-----)", re.S)


class UnusableCertificate(Exception):
    """What lies in the folder is no certificate with its key; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A certificate that is ready to be served with."""

    is_self_signed: bool
    is_new: bool
    fingerprint: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What nginx has to know.

    Attributes:
        is_self_signed: whether the certificate is.
        hosts: names it is reached by, as ``ALLOWED_HOSTS`` has them.
        proxies: addresses or networks of proxies in front that are believed.
        https_port: the port under which people reach it.
        hsts_s: how long browsers shall insist on TLS; 0: not at all.
    """

    is_self_signed: bool
    hosts: Sequence[str]
    proxies: Sequence[str] = ()
    https_port: int = _HTTPS_PORT
    hsts_s: int = 0


def certificate_prepare(
    folder: Path, *, hosts: list[str], renew_before: timedelta = _RENEW_BEFORE
) -> Prepared:
    """Return the folder's certificate; make a self-signed one where there is none.

    One that was made here before is made anew when it ends soon or other hosts are asked for.

    Args:
        folder: where it is kept.
        hosts: names it is for.
        renew_before: how long before its end it is made anew.

    Raises:
        UnusableCertificate: only one of the two files is there, or they cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate_file, key_file = folder / CERTIFICATE, folder / KEY
    present = [path.name for path in (certificate_file, key_file) if path.exists()]
    if len(present) == 1:
        raise UnusableCertificate(f"{present[0]} is there without the other file")
    known = _read(certificate_file.read_bytes(), key_file.read_bytes()) if present else None
    is_new = known is None or (_is_ours(known) and not _is_good(known, hosts, renew_before))
    if known is None or is_new:
        key = ec.generate_private_key(ec.SECP256R1())
        known = _self_signed(key, hosts)
        _write(key_file, _pem(key))
        _write(certificate_file, known.public_bytes(serialization.Encoding.PEM))
    return Prepared(
        is_self_signed=_is_self_signed(known),
        is_new=is_new,
        fingerprint=known.fingerprint(hashes.SHA256()).hex(":").upper(),
        expires=known.not_valid_after_utc,
    )


def certificate_take(folder: Path, pem: bytes) -> None:
    """Put a certificate, its chain and its key in place of those of the folder.

    Args:
        folder: where they are kept.
        pem: all of them, one after the other in any order; the certificate before its chain.

    Raises:
        UnusableCertificate: one is missing, cannot be read, or they do not belong together.
    """
    blocks = _BLOCK.findall(pem)
    keys = [block for block, label in blocks if label.endswith(b"PRIVATE KEY")]
    chain = [block for block, label in blocks if label == b"CERTIFICATE"]
    if len(keys) != 1 or not chain:
        raise UnusableCertificate("a certificate and one key are wanted")
    _read(chain[0], keys[0])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(folder / KEY, keys[0] + b"\n")
    _write(folder / CERTIFICATE, b"\n".join(chain) + b"\n")


def configuration_write(folder: Path, known: Known) -> None:
    """Write what nginx has to know; ``docker/nginx.conf`` reads it.

    Args:
        folder: where it is written, beside the certificate.
        known: what that is.
    """
    trusted = "".join(f"    {ip_network(one, strict=False)} 1;\n" for one in known.proxies)
    kind = "self-signed" if known.is_self_signed else "signed"
    port = "" if known.https_port == _HTTPS_PORT else f":{known.https_port}"
    hsts = f"max-age={known.hsts_s}" if known.hsts_s else ""
    # As Django reads them: ".x" is x and all names below it.
    hosts = "".join(f'    "{host.lower()}" 1;\n' for host in known.hosts if _HOST.fullmatch(host))
    text = (
        "# Written at each start by `manage.py tls_prepare`.\n"
        "map_hash_bucket_size 512;\n"
        f"geo $menjin_front {{\n    default 0;\n{trusted}}}\n"
        f"map $server_port $menjin_certificate {{\n    default {kind};\n}}\n"
        f'map $server_port $menjin_https_port {{\n    default "{port}";\n}}\n'
        f'map $server_port $menjin_hsts_wanted {{\n    default "{hsts}";\n}}\n'
        "map $host $menjin_is_known {\n    hostnames;\n"
        f"    default {int('*' in known.hosts)};\n{hosts}}}\n"
    )
    _write(folder / CONFIGURATION, text.encode())


def _read(certificate_pem: bytes, key_pem: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificates(certificate_pem)[0]
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise UnusableCertificate(f"it cannot be read: {error}") from error
    if key.public_key() != certificate.public_key():
        raise UnusableCertificate("the key is not the key of the certificate")
    return certificate


def _is_ours(certificate: x509.Certificate) -> bool:
    names = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return _is_self_signed(certificate) and [one.value for one in names] == [_MADE_BY]


def _is_self_signed(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_good(certificate: x509.Certificate, hosts: list[str], renew_before: timedelta) -> bool:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    is_lasting = certificate.not_valid_after_utc - datetime.now(UTC) > renew_before
    return is_lasting and list(found.value) == _names(hosts)


def _names(hosts: list[str]) -> list[x509.GeneralName]:
    """Return the names of a certificate; ``ALLOWED_HOSTS`` writes all names below one as ``.x``."""
    names: list[x509.GeneralName] = []
    for host in [*(one for one in hosts if one != "*"), "localhost"]:
        plain = host.strip("[]")
        try:
            names.append(x509.IPAddress(ip_address(plain)))
        except ValueError:
            names.append(x509.DNSName(f"*{host}" if host.startswith(".") else host))
    return names


def _self_signed(key: ec.EllipticCurvePrivateKey, hosts: list[str]) -> x509.Certificate:
    now = datetime.now(UTC)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _MADE_BY),
            x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64] if hosts else "localhost"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A little earlier: clocks of browsers differ.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once, readable by its owner only from its first byte on."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)
