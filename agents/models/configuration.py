"""Which models are asked, in which order and within which limits: `models.toml`, or the vendors' own variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from agents.models.defaults import VENDORS, Kind
from agents.models.spending import Budget, Price
from agents.models.tables import Table
from agents.models.throttle import Limits
from inventory.paths import config_dir
from inventory.secrets import SecretRef
from inventory.toml_file import parse_toml, read_text

_SECTIONS = ("order", "providers", "experts", "limits", "budget", "prices", "privacy")
_PROVIDER = ("kind", "model", "key", "base_url", "options")
_OURS = ("model", "messages", "system", "contents", "systemInstruction", "tools", "stream", "stream_options")
"""What a request is about is never an option."""
_LIMITS = (
    *("requests_per_minute", "tokens_per_minute", "at_once"),
    *("wait_s", "retries", "retry_s", "silence_s", "rounds", "output_tokens"),
)


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One vendor or endpoint, and the model that is asked there."""

    name: str
    kind: Kind
    model: str
    key: SecretRef | None = None
    """None: nothing is shown to the endpoint."""
    base_url: str = ""
    """Empty: where the vendor's SDK goes by itself."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of a request in the vendor's own words, such as how much it is to think."""

    @property
    def url(self) -> str:
        """Where it is asked: the address configured here, else the one in the SDK's variable, else the vendor's."""
        vendor = VENDORS[self.kind]
        return self.base_url or os.environ.get(vendor.base_url, "").rstrip("/") or vendor.url

    @property
    def key_missing(self) -> str:
        """Why there is no key, as far as that shows without reading it; empty for nothing."""
        if self.key is not None and self.key.kind == "env" and not os.environ.get(self.key.name):
            return f"{self.key.name} is not set"
        if self.key is not None and self.key.kind == "file" and not Path(self.key.name).exists():
            return f"there is no {self.key.name}"
        return ""


@dataclass(frozen=True, slots=True)
class ExpertModels:
    """What one expert does differently."""

    order: tuple[str, ...] | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    """Provider → model."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """What may leave the machine as it is; what may not is replaced by stable placeholders."""

    identifiers: bool = True
    literals: bool = True


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Everything that models.toml says."""

    path: Path
    order: tuple[str, ...] = ()
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    experts: Mapping[str, ExpertModels] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    budget: Budget = field(default_factory=Budget)
    prices: Mapping[str, Price] = field(default_factory=dict)
    privacy: Privacy = field(default_factory=Privacy)

    def providers_for(self, expert: str = "") -> tuple[ProviderSettings, ...]:
        """The providers that an expert asks, the first one first."""
        own = self.experts.get(expert, ExpertModels())
        found = []
        for name in own.order or self.order:
            one = self.providers[name]
            model = own.models.get(name, one.model)
            found.append(replace(one, model=model))
        return tuple(found)


def default_path() -> Path:
    return config_dir() / "models.toml"


def load(path: Path | None = None) -> ModelSettings:
    """The settings at `path`; without the file, the vendors whose own environment variables are set.

    Raises UserError (exit 2) with file, line and what was expected. Reads no key.
    """
    path = path or default_path()
    text = read_text(path) if path.exists() else ""
    file = Table(path, text, (), parse_toml(text, path))
    file.only(*_SECTIONS)
    providers = {name: _provider(name, table) for name, table in file.table("providers").tables()}
    providers = providers or from_environment()
    order = _order(file, providers) or tuple(providers)
    return ModelSettings(
        path,
        order,
        providers,
        {name: _expert(table, providers) for name, table in file.table("experts").tables()},
        _limits(file.table("limits")),
        _budget(file.table("budget")),
        {model: _price(table) for model, table in file.table("prices").tables()},
        _privacy(file.table("privacy")),
    )


def from_environment() -> dict[str, ProviderSettings]:
    """The vendors whose SDK would find what it needs in the environment."""
    found: dict[str, ProviderSettings] = {}
    for kind, vendor in VENDORS.items():
        key = _key_in_environment(kind)
        if key or (kind == "openai" and os.environ.get(vendor.base_url)):
            found[kind] = ProviderSettings(kind, kind, vendor.model, key)
    return found


def _key_in_environment(kind: Kind) -> SecretRef | None:
    return next((SecretRef("env", name) for name in VENDORS[kind].keys if os.environ.get(name)), None)


def _provider(name: str, table: Table) -> ProviderSettings:
    table.only(*_PROVIDER)
    if name not in VENDORS and "kind" not in table.values:
        raise table.error(f"needs kind = one of {', '.join(VENDORS)}")
    kind = cast("Kind", table.text("kind", name, allowed=tuple(VENDORS)))
    base_url = _base_url(table)
    key = table.secret("key")
    if key is None and not base_url:
        # Only where the vendor's SDK goes by itself: a key for one host is not shown to another.
        key = _key_in_environment(kind) or _named_key(kind)
    if key is None and kind != "openai":
        raise table.error('has a base_url of its own and needs a key of its own: key = { env = "VARIABLE" }')
    if base_url and "model" not in table.values and kind == "openai":
        raise table.error('has a base_url of its own and needs model = "…"')
    model = table.text("model", VENDORS[kind].model)
    return ProviderSettings(name, kind, model, key, base_url, _options(table.table("options")))


def _options(table: Table) -> Mapping[str, Any]:
    for key in _OURS:
        if key in table.values:
            raise table.error("is not for you to set", key)
    return table.values


def _named_key(kind: Kind) -> SecretRef | None:
    """The variable that will be missed when the vendor is asked; an endpoint in OPENAI_BASE_URL may need none."""
    vendor = VENDORS[kind]
    if kind == "openai" and os.environ.get(vendor.base_url):
        return None
    return SecretRef("env", vendor.keys[0])


def _base_url(table: Table) -> str:
    url = table.text("base_url")
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise table.error("holds a user or password; give the key by reference instead", "base_url")
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise table.error("is no address, expected http(s)://host[:port][/path]", "base_url")
    return url.rstrip("/")


def _order(table: Table, providers: Mapping[str, ProviderSettings]) -> tuple[str, ...] | None:
    names = table.texts("order")
    for name in names or ():
        if name not in providers:
            known = ", ".join(providers) or "none; no vendor's key is set either"
            raise table.error(f'"{name}" has no table [providers.{name}]; there is {known}', "order")
    return names


def _expert(table: Table, providers: Mapping[str, ProviderSettings]) -> ExpertModels:
    table.only("order", "model")
    models = table.mapping("model")
    for name in models:
        if name not in providers:
            raise table.table("model").error(f"is no provider, expected one of {', '.join(providers)}", name)
    return ExpertModels(_order(table, providers), models)


def _limits(table: Table) -> Limits:
    table.only(*_LIMITS)
    usual = Limits()
    return Limits(
        table.whole("requests_per_minute", usual.requests_per_minute, 1),
        table.whole("tokens_per_minute", usual.tokens_per_minute, 1),
        table.whole("at_once", usual.at_once, 1),
        cast("float", table.number("wait_s", usual.wait_s)),
        table.whole("retries", usual.retries, 0),
        cast("float", table.number("retry_s", usual.retry_s)),
        cast("float", table.number("silence_s", usual.silence_s)),
        table.whole("rounds", usual.rounds, 1),
        table.whole("output_tokens", usual.output_tokens, 1),
    )


def _budget(table: Table) -> Budget:
    table.only("turn_usd", "session_usd", "day_usd")
    return Budget(
        table.number("turn_usd", None), table.number("session_usd", None), table.number("day_usd", None)
    )


def _price(table: Table) -> Price:
    table.only("input", "output", "cache_read", "cache_write")
    read, written = table.number("input", None), table.number("output", None)
    if read is None or written is None:
        raise table.error("needs input and output, USD for a million tokens")
    return Price(read, written, table.number("cache_read", None), table.number("cache_write", None))


def _privacy(table: Table) -> Privacy:
    table.only("identifiers", "literals")
    return Privacy(table.flag("identifiers", True), table.flag("literals", True))
