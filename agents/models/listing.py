"""Which models are set up, and whether they answer: for the command line and the workbench."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from agents.models.configuration import ModelSettings, ProviderSettings, load
from agents.models.provider import ModelError
from agents.models.spending import money
from agents.models.vendors.opening import open_provider
from inventory.outgoing import address_class

_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
CHECK_S = 15.0
"""Seconds without a word after which a provider counts as down when it is only looked at."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A provider in its place of the order."""

    provider: str
    kind: str
    model: str
    url: str
    key: str
    """Where the key comes from, never what it is."""
    key_missing: str
    """Why there is no key, as far as that shows without reading it; empty for nothing."""
    price: str
    """USD for a million tokens, in/out."""
    state: Literal["not checked", "up", "down"] = "not checked"
    text: str = ""
    """What it answered, or why it did not."""


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models that an expert asks, the first one first, and what holds for all."""

    path: Path
    models: tuple[KnownModel, ...]
    limits: str
    caps: str
    notes: tuple[str, ...]

    def describe(self) -> str:
        return ", then ".join(f"{one.provider}: {one.model}" for one in self.models)


def set_up(expert: str = "") -> ModelList:
    """What the settings say for `expert` (any, without a name). Raises UserError (exit 2) where they are nonsense."""
    settings = load()
    models = tuple(_known(one, settings) for one in settings.providers_for(expert))
    return ModelList(settings.path, models, _limits(settings), _caps(settings), _notes(settings, models))


async def checked(found: ModelList, expert: str = "") -> ModelList:
    """The same, after each provider was asked for its list of models, which costs nothing."""
    settings = load()
    pairs = zip(found.models, settings.providers_for(expert), strict=True)
    models = tuple(await asyncio.gather(*(_checked(*pair) for pair in pairs)))
    return replace(found, models=models, notes=_notes(settings, models))


async def _checked(known: KnownModel, settings: ProviderSettings) -> KnownModel:
    provider = open_provider(settings, CHECK_S)
    try:
        return replace(known, state="up", text=await provider.check())
    except ModelError as error:
        return replace(known, state="down", text=str(error))
    finally:
        await provider.close()


def _known(one: ProviderSettings, settings: ModelSettings) -> KnownModel:
    price = settings.prices.get(one.model)
    told = f"{money(price.input)}/{money(price.output)}" if price else "unknown"
    key = str(one.key) if one.key else "none"
    return KnownModel(one.name, one.kind, one.model, one.url, key, one.key_missing, told)


def _is_here(host: str) -> bool:
    """Whether `host` means this very machine."""
    try:
        return address_class(host) == "loopback"
    except ValueError:
        return host == "localhost"


def _limits(settings: ModelSettings) -> str:
    limits = settings.limits
    return (
        f"{limits.requests_per_minute} requests and {limits.tokens_per_minute:,} tokens a minute,"
        f" {limits.at_once} at once, {limits.rounds} rounds of tools a turn"
    )


def _caps(settings: ModelSettings) -> str:
    budget = settings.budget
    caps = (("turn", budget.turn_usd), ("session", budget.session_usd), ("day", budget.day_usd))
    return ", ".join(f"{money(cap)} a {name}" for name, cap in caps if cap is not None) or "none"


def _notes(settings: ModelSettings, models: tuple[KnownModel, ...]) -> tuple[str, ...]:
    down = [f"{one.provider} is down: {one.text}" for one in models if one.state == "down"]
    missing = [
        f"{one.provider}: {one.key_missing}"
        for one in models
        if one.key_missing and one.state == "not checked"
    ]
    open_lines = [
        f"{one.provider}: the key goes over an open line to {one.url}; use https"
        for one in models
        if one.key != "none"
        and one.url.startswith("http:")
        and not _is_here(urlsplit(one.url).hostname or "")
    ]
    unpriced = [
        f'{one.model} is not asked: there is a cap and its price is unknown; add [prices."{one.model}"]'
        for one in models
        if settings.budget and one.price == "unknown"
    ]
    proxy = next((name for name in _PROXIES if os.environ.get(name)), "")
    direct = [f"{proxy} is set; models are asked directly, without a proxy"] if down and proxy else []
    return (*down, *direct, *missing, *open_lines, *unpriced)
