"""A throw-away certificate authority, and one certificate for the names of Azure's services that are spoken here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """Files: the authority's certificate, that of the services, and its key."""

    authority: Path
    certificate: Path
    key: Path


def issue(folder: Path, names: list[str]) -> Certificates:
    """Make an authority whose key is kept nowhere, and let it certify `names` for a day."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _named("Loopback Azure, thrown away after the test"), _named(names[0])
    root = _begun(root_name, root_name, root_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    signing = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    root_certificate = root.add_extension(signing, critical=True).sign(root_key, hashes.SHA256())
    own = _begun(root_name, name, key).add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    certificate = own.sign(root_key, hashes.SHA256())
    made = Certificates(folder / "authority.pem", folder / "services.pem", folder / "services.key")
    made.authority.write_bytes(root_certificate.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made.key.write_bytes(private)
    made.key.chmod(0o600)
    return made


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begun(issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().issuer_name(issuer).subject_name(subject).public_key(key.public_key())
    return (
        made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    )
