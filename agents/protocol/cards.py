"""Agent cards of others: read leniently, and their addresses turned into ones that can be reached from here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from a2a.client.card_resolver import parse_agent_card
from a2a.types import AgentCard, AgentInterface
from google.protobuf.json_format import MessageToDict, ParseError  # type: ignore[import-untyped]

from agents.protocol.registry import is_loopback
from inventory.outgoing import Destinations

BINDINGS = ("JSONRPC", "HTTP+JSON")
"""What this client speaks."""
KNOCK_LIMIT_S = 1.0
"""How long an advertised host may take to let us in; one in the same network takes milliseconds."""
OLD_VERSION = "0.3"
NEW_VERSION = "1.0"


def parsed_card(data: Any, base: str) -> AgentCard:
    """The card in `data`, which was read at `base`; without a version or interfaces it is one of 0.3.

    Raises ValueError where it makes no sense.
    """
    if not isinstance(data, dict):
        raise ValueError("expected a JSON object")
    try:
        card: AgentCard = parse_agent_card(_lenient(_without_nulls(data), base))
    except (ParseError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error
    return card


def card_json(card: AgentCard) -> dict[str, Any]:
    data: dict[str, Any] = MessageToDict(card)
    return data


async def use_interfaces(card: AgentCard, base: str, places: Destinations) -> AgentCard:
    """The card with those interfaces alone that we speak, at addresses that can be reached. Raises ValueError.

    An address is used where `places` lets us go there; else its path is taken on the host that was asked.
    """
    kept = [item for item in card.supported_interfaces if item.protocol_binding in BINDINGS]
    if not kept:
        told = ", ".join(sorted({item.protocol_binding or "nothing" for item in card.supported_interfaces}))
        raise ValueError(f"it speaks {told or 'nothing'}, expected {' or '.join(BINDINGS)}")
    usable = AgentCard()
    usable.CopyFrom(card)
    del usable.supported_interfaces[:]
    for item in kept:
        url = await _reachable(item.url, base, places)
        usable.supported_interfaces.append(
            AgentInterface(
                url=url,
                protocol_binding=item.protocol_binding,
                protocol_version=_version(item.protocol_version, NEW_VERSION),
                tenant=item.tenant,
            )
        )
    return usable


async def _reachable(advertised: str, base: str, places: Destinations) -> str:
    asked, told = urlsplit(base), urlsplit(advertised)
    if not told.hostname:
        return _at(asked, told)
    if _origin(told) == _origin(asked):
        return advertised
    placeless = told.hostname in ("0.0.0.0", "::") or (  # noqa: S104 - compared, not listened on
        is_loopback(told.hostname) and not is_loopback(asked.hostname or "")
    )
    if placeless or not places.elsewhere or not await places.knock(advertised, KNOCK_LIMIT_S):
        return _at(asked, told)
    return advertised


def _at(asked: SplitResult, told: SplitResult) -> str:
    """The advertised path on the host that was asked, below the path that was asked."""
    below = asked.path.rstrip("/")
    path = told.path if told.path.startswith(below) else below + told.path
    return f"{asked.scheme}://{asked.netloc}{path}"


def _origin(url: SplitResult) -> tuple[str, str | None, int]:
    return url.scheme, url.hostname, _port(url)


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _lenient(data: dict[str, Any], base: str) -> dict[str, Any]:
    """A card of any version, as the SDK's parser wants it."""
    if not data.get("supportedInterfaces"):
        data.pop("supportedInterfaces", None)
        data["url"] = data.get("url") or base
        data["protocolVersion"] = _version(str(data.get("protocolVersion") or ""), OLD_VERSION)
        data["preferredTransport"] = data.get("preferredTransport") or "JSONRPC"
    else:
        for key in ("url", "protocolVersion", "preferredTransport", "additionalInterfaces"):
            data.pop(key, None)
    return data


def _version(told: str, otherwise: str) -> str:
    """`Major.Minor` of a version; before 0.3 the wire was the same."""
    match = re.match(r"v?(\d+)\.(\d+)", told)
    if match is None:
        return otherwise
    pair = int(match[1]), int(match[2])
    return OLD_VERSION if pair < (0, 3) else f"{pair[0]}.{pair[1]}"


def _without_nulls(data: Mapping[str, Any]) -> dict[str, Any]:
    """Some servers write null where they mean nothing."""
    return {key: _clean(value) for key, value in data.items() if value is not None}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_nulls(value)
    if isinstance(value, list):
        return [_clean(item) for item in value if item is not None]
    return value
