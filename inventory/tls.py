"""A TLS context from libpq's ssl* parameters."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from inventory.libpq import home_directory

ALPN = "postgresql"
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def context(parameters: Mapping[str, str]) -> ssl.SSLContext:
    """The context that libpq would use for effective `parameters`.

    A root certificate that is there is checked in every mode, as libpq does. Raises `OSError`
    (`ssl.SSLError` is one) where a certificate or key cannot be read.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.minimum_version = _VERSIONS.get(
        parameters.get("ssl_min_protocol_version", ""), ssl.TLSVersion.TLSv1_2
    )
    if newest := _VERSIONS.get(parameters.get("ssl_max_protocol_version", "")):
        made.maximum_version = newest
    if ssl.HAS_ALPN:
        made.set_alpn_protocols([ALPN])
    _trust(made, parameters)
    _identify(made, parameters)
    return made


def unverified() -> ssl.SSLContext:
    """A context that checks nothing: to learn whether a server would talk, never to send it a secret."""
    return context({"sslrootcert": "/dev/null", "sslcertmode": "disable", "sslmode": "prefer"})


def _trust(made: ssl.SSLContext, parameters: Mapping[str, str]) -> None:
    mode = parameters.get("sslmode", "prefer")
    root = parameters.get("sslrootcert", "")
    if root == "system":
        made.load_default_certs(ssl.Purpose.SERVER_AUTH)
        mode = "verify-full"
    else:
        file = Path(root) if root else home_directory() / ".postgresql" / "root.crt"
        if not file.is_file():
            if mode.startswith("verify"):
                raise FileNotFoundError(2, f"no root certificate at {file}, which sslmode={mode} needs")
            return
        made.load_verify_locations(cafile=file)
    made.verify_mode = ssl.CERT_REQUIRED
    made.check_hostname = mode == "verify-full"
    revoked = Path(parameters.get("sslcrl") or home_directory() / ".postgresql" / "root.crl")
    if revoked.is_file():
        made.load_verify_locations(cafile=revoked)
        made.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


def _identify(made: ssl.SSLContext, parameters: Mapping[str, str]) -> None:
    if parameters.get("sslcertmode") == "disable":
        return
    own = home_directory() / ".postgresql"
    named = parameters.get("sslcert")
    certificate = Path(named) if named else own / "postgresql.crt"
    if not named and not certificate.is_file():
        return
    key = parameters.get("sslkey") or own / "postgresql.key"
    made.load_cert_chain(certificate, key, password=lambda: parameters.get("sslpassword", ""))
