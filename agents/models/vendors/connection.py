"""A vendor's SDK and its client, made off the event loop when the first call needs them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from agents.models.configuration import ProviderSettings
from agents.models.provider import ModelError
from agents.models.vendors.http import client_for
from inventory.errors import UserError
from inventory.secrets import read_secret

if TYPE_CHECKING:
    import httpx2

C = TypeVar("C")


class Connection(Generic[C]):
    """Makes a client once. Importing an SDK takes up to a second and a keyring may ask for a password:
    both happen in a thread."""

    def __init__(
        self, settings: ProviderSettings, silence_s: float, make: Callable[[str, httpx2.AsyncClient], C]
    ) -> None:
        self._settings = settings
        self._silence_s = silence_s
        self._make = make
        self._lock = asyncio.Lock()
        self._client: C | None = None

    @property
    def made(self) -> C | None:
        return self._client

    async def client(self) -> C:
        """The client. Raises ModelError (auth) where the key cannot be read or used."""
        async with self._lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open)
            return self._client

    def _open(self) -> C:
        if self._settings.key_missing:
            raise ModelError("auth", f"no key: {self._settings.key_missing}")
        try:
            key = read_secret(self._settings.key) if self._settings.key else ""
        except UserError as error:
            raise ModelError("auth", f"no key: {error}") from None
        try:
            http = client_for(self._settings.url, self._silence_s)
        except UserError as error:
            raise ModelError("bad_request", str(error)) from None
        if not key.isascii() or not key.isprintable():
            raise ModelError("auth", "the key cannot be sent: expected printable ASCII characters")
        return self._make(key, http)


def own_headers(settings: ProviderSettings, key: str, omit: object, *further: str) -> dict[str, Any]:
    """Headers for a provider with an address of its own: the environment's are meant for the vendor's and stay here.

    `further` are those that the SDK makes of other variables; `omit` is its word for a header that is not sent.
    """
    if not settings.base_url:
        return {}
    lines = os.environ.get(f"{settings.kind.upper()}_CUSTOM_HEADERS", "").splitlines()
    names = [line.partition(":")[0].strip() for line in lines if ":" in line]
    return {**dict.fromkeys((*names, *further), omit), "Authorization": f"Bearer {key}" if key else omit}
