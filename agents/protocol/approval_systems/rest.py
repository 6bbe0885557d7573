"""The REST interface of an approval system: what waits, one request, and a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from agents.protocol.approval_systems.config import RemoteSystem
from agents.protocol.errors import AgentLost, AgentRefused
from inventory.masking import inert_line, mask

if TYPE_CHECKING:
    import httpx

LIMIT_S = 10.0
MOST = 500
"""Requests of one answer."""
_BASES = {"auditd": "/v1/approvals", "gateway": "/api/v1/governance/approvals"}
Stored = Mapping[str, Any]
"""A request for approval as the system keeps it."""


class SystemClient:
    """One client for each look; use as `async with`. Reading the secrets may block."""

    def __init__(self, system: RemoteSystem) -> None:
        """Raises UserError where a secret or certificate is missing, or the URL is not allowed."""
        import httpx

        from inventory.outgoing import destinations
        from inventory.outgoing_http import for_httpx

        self._system = system
        self._base = system.url + _BASES[system.kind]
        headers = system.credential.headers() if system.credential else {}
        if system.as_user:
            headers["X-User"] = system.as_user
        transport = for_httpx(destinations(system.url), verify=system.tls.context() if system.tls else True)
        self._http = httpx.AsyncClient(
            headers=headers, timeout=LIMIT_S, transport=transport, trust_env=False, follow_redirects=False
        )

    async def __aenter__(self) -> SystemClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def pending(self) -> list[Stored]:
        """What waits for a decision. Raises AgentLost or AgentRefused."""
        return await self._listed(status="pending", limit=str(MOST))

    async def one(self, remote_id: str) -> Stored | None:
        """A request, whatever became of it; None where it is gone. Raises AgentLost or AgentRefused."""
        if self._system.kind == "gateway":
            # It hands on no single one.
            listed = await self._listed(limit=str(MOST))
            return next((item for item in listed if item.get("approval_id") == remote_id), None)
        response = await self._send("GET", f"{self._base}/{quote(remote_id, safe='')}")
        if response.status_code == 404:
            return None
        found = self._json(response)
        return found if isinstance(found, Mapping) else None

    async def decide(self, remote_id: str, *, approve: bool, by: str, reason: str) -> str:
        """Send a decision; why it was not taken, empty where it was. Raises AgentLost."""
        name = quote(remote_id, safe="")
        if self._system.kind == "gateway":
            # The other way through the gateway would decide in the gateway's own name.
            url = f"{self._system.url}/api/v1/decisions/step:{name}/resolve"
            body = {"resolution": "approved" if approve else "denied", "resolved_by": by, "reason": reason}
        else:
            url = f"{self._base}/{name}/{'approve' if approve else 'deny'}"
            body = {"approved_by" if approve else "denied_by": by, "reason": reason}
        response = await self._send("POST", url, body)
        return "" if response.is_success else f"HTTP {response.status_code}: {_said(response)}"

    async def _listed(self, **query: str) -> list[Stored]:
        found = self._json(await self._send("GET", self._base, query=query))
        if found is None:
            # An empty list is null on that wire.
            return []
        if not isinstance(found, list):
            text = found.get("message") if isinstance(found, Mapping) else None
            raise AgentRefused(self._system.name, inert_line(str(text or "no list of approvals"))[:200])
        return [item for item in found[:MOST] if isinstance(item, Mapping)]

    def _json(self, response: httpx.Response) -> Any:
        if not response.is_success:
            raise AgentRefused(self._system.name, f"HTTP {response.status_code}: {_said(response)}")
        try:
            return response.json()
        except ValueError as error:
            raise AgentRefused(self._system.name, f"its answer is no JSON: {error}") from error

    async def _send(
        self,
        method: str,
        url: str,
        body: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        import httpx

        try:
            return await self._http.request(method, url, json=body, params=query)
        except httpx.HTTPError as error:
            raise AgentLost(
                self._system.name, f"{self._system.url}: {error or type(error).__name__}"
            ) from error


def _said(response: httpx.Response) -> str:
    return inert_line(mask(response.text))[:200] or response.reason_phrase
