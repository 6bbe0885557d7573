"""The HTTP client that every vendor's SDK is given: it goes to the configured host and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inventory.outgoing import destinations
from inventory.outgoing_http import for_httpx2

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 10.0
"""Seconds until a host that does not answer counts as unreachable."""


def client_for(url: str, silence_s: float) -> httpx2.AsyncClient:
    """A client for `url`; blocks while certificates are loaded. `silence_s` limits the wait for each next byte.

    Raises UserError where the URL will not do.
    """
    import httpx2

    limits = httpx2.Timeout(silence_s, connect=CONNECT_S)

    class Client(httpx2.AsyncClient):
        """The limits hold whatever an SDK says: one of them knows a single limit for everything."""

        def build_request(self, *arguments: Any, **options: Any) -> httpx2.Request:
            return super().build_request(*arguments, **{**options, "timeout": limits})

    # Authorities of a company's own, as SSL_CERT_FILE names them, are trusted as well.
    verify = httpx2.create_ssl_context(trust_env=True) if url.startswith("https:") else False
    return Client(
        transport=for_httpx2(destinations(url), verify=verify), trust_env=False, follow_redirects=True
    )
