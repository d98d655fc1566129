"""A first start has a certificate; any other that is put in its place is left alone."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from server_common import certificates
from server_common.certificates import (
    Known,
    UnusableCertificate,
    certificate_prepare,
    certificate_take,
    configuration_write,
)

HOSTS = ["door.example", "192.168.1.20", "[2001:db8::7]", ".inner.example", "*"]


def test_a_first_start_makes_one_and_the_next_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "tls"

    first = certificate_prepare(folder, hosts=HOSTS)
    again = certificate_prepare(folder, hosts=HOSTS)

    assert (first.is_new, first.is_self_signed) == (True, True)
    assert (again.is_new, again.fingerprint) == (False, first.fingerprint)
    certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "door.example", "*.inner.example", "localhost",
    ]  # fmt: skip
    assert names.get_values_for_type(x509.IPAddress) == [
        ip_address("192.168.1.20"), ip_address("2001:db8::7"),
    ]  # fmt: skip
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}


def test_its_own_is_made_anew_for_other_hosts_and_before_it_ends(tmp_path: Path) -> None:
    first = certificate_prepare(tmp_path, hosts=HOSTS)
    other = certificate_prepare(tmp_path, hosts=["other.example"])
    soon = timedelta(days=900)
    last = certificate_prepare(tmp_path, hosts=["other.example"], renew_before=soon)

    assert len({first.fingerprint, other.fingerprint, last.fingerprint}) == 3


@pytest.mark.parametrize("issuer", ["door.example", "an authority"])
def test_another_is_left_alone_however_old(tmp_path: Path, issuer: str) -> None:
    key, authority = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    is_own = issuer == "door.example"
    name, by = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)])
        for one in ("door.example", issuer)
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now - timedelta(days=1))
        .sign(key if is_own else authority, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "certificate.pem").write_bytes(pem)
    (tmp_path / "key.pem").write_bytes(certificates._pem(key))

    prepared = certificate_prepare(tmp_path, hosts=HOSTS)

    assert (prepared.is_new, prepared.is_self_signed) == (False, is_own)
    assert (tmp_path / "certificate.pem").read_bytes() == pem


def test_half_of_one_or_another_key_is_named(tmp_path: Path) -> None:
    certificate_prepare(tmp_path, hosts=HOSTS)
    key = tmp_path / "key.pem"
    key.write_bytes(certificates._pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(UnusableCertificate, match="is not the key"):
        certificate_prepare(tmp_path, hosts=HOSTS)
    key.write_text("no key")
    with pytest.raises(UnusableCertificate, match="cannot be read"):
        certificate_prepare(tmp_path, hosts=HOSTS)
    key.unlink()
    with pytest.raises(UnusableCertificate, match="without the other"):
        certificate_prepare(tmp_path, hosts=HOSTS)


def test_nginx_is_told_what_it_has_to_know(tmp_path: Path) -> None:
    known = Known(
        is_self_signed=False,
        hosts=["Door.example", ".inner.example", "[2001:db8::7]", 'x" 1; } evil {'],
        proxies=["10.1.2.3", "10.2.0.0/16"],
        https_port=8443,
        hsts_s=3600,
    )
    configuration_write(tmp_path, known)

    said = (tmp_path / "nginx.conf").read_text()
    assert "10.1.2.3/32 1;" in said
    assert "10.2.0.0/16 1;" in said
    assert "default signed;" in said
    assert 'default ":8443";' in said
    assert 'default "max-age=3600";' in said
    hosts = said[said.index("hostnames;") :].splitlines()
    assert hosts == [
        "hostnames;", "    default 0;", '    "door.example" 1;', '    ".inner.example" 1;',
        '    "[2001:db8::7]" 1;', "}",
    ]  # fmt: skip
    configuration_write(tmp_path, Known(is_self_signed=True, hosts=["*"]))
    assert "    default 1;" in (tmp_path / "nginx.conf").read_text()


def test_a_certificate_is_taken_with_its_chain_and_key(tmp_path: Path) -> None:
    made, mine = tmp_path / "made", tmp_path / "mine"
    own, root = (certificate_prepare(made / name, hosts=[name]) for name in ("own", "root"))
    key, own_pem, root_pem = (
        (made / name).read_bytes() for name in ("own/key.pem", "own/certificate.pem",
                                                "root/certificate.pem")
    )  # fmt: skip

    certificate_take(mine, key + own_pem + b"A comment\n" + root_pem)

    assert (mine / "certificate.pem").read_bytes() == own_pem + root_pem
    assert {oct(path.stat().st_mode & 0o777) for path in mine.iterdir()} == {"0o600"}
    assert certificate_prepare(mine, hosts=["own"]).fingerprint == own.fingerprint
    assert root.fingerprint != own.fingerprint
    for wrong in (b"", key, own_pem, key + root_pem, key + key + own_pem):
        with pytest.raises(UnusableCertificate):
            certificate_take(mine, wrong)
    assert (mine / "certificate.pem").read_bytes() == own_pem + root_pem
