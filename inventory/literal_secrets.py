"""Secrets that stand in our TOML files themselves: where they are, and the warning of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from inventory.dsn import SECRET_KEYWORDS, parse_dsn
from inventory.errors import UserError
from inventory.masking import mask, remember_secret
from inventory.paths import config_dir
from inventory.toml_file import line_of, parse_toml, read_text

ROLES = "roles.toml"
"""Keeps what proves a token, its digest, and no reference to it."""


class Place(NamedTuple):
    """Where secrets may stand in a file of ours."""

    table: str
    """Its table of tables; empty for the file itself."""
    keys: tuple[str, ...]
    """Keys of an entry; `name.*` for all keys below `name`."""
    prefix: str = ""
    """Begins the names that these secrets get elsewhere."""


_CREDENTIAL = ("bearer", "api_key", "basic")
PLACES: Mapping[str, Place] = {
    "inventory.toml": Place("databases", (*SECRET_KEYWORDS, "dsn")),
    "agents.toml": Place("agents", _CREDENTIAL, "agent-"),
    "models.toml": Place("providers", ("key",), "model-"),
    "mcp.toml": Place("servers", ("bearer", "headers.*", "env.*"), "mcp-"),
    "approvals.toml": Place("systems", _CREDENTIAL, "approvals-"),
    "audit.toml": Place("", ("bearer", "webhook", "key.secret"), "audit-"),
    ROLES: Place("callers", ("token",), "caller-"),
}
_IF_IT_LOOKS_SO = ("env", "webhook")
"""Keys whose values need not be secrets."""
_ALONE = ("password", *_CREDENTIAL, "key", "token")
"""Keys of which an entry has one at most: its name does not tell them apart."""
_MAY_HOLD = re.compile(r"pass|secret|scram_|:[^/@]*@", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]")
_NAMED = 3
"""Places that the warning names."""


@dataclass(frozen=True, slots=True)
class Literal:
    """One secret in one file."""

    path: Path
    keys: tuple[str, ...]
    """Where it stands: the table, the entry, the key."""
    keyword: str
    """The parameter, in a connection string; empty where the secret stands alone."""
    name: str
    """What it is called in the keyring, or as a file."""
    value: str = field(repr=False)

    def line(self, text: str) -> int:
        return line_of(text, *self.keys)


def literals(path: Path) -> list[Literal]:
    """The secrets in the file at `path`, in its order; each is masked from now on. Raises UserError."""
    if not path.exists():
        return []
    place = PLACES[path.name]
    data = parse_toml(read_text(path), path)
    tables = data.get(place.table, {}) if place.table else data
    entries = tables.items() if isinstance(tables, dict) else ()
    found = [
        Literal(path, (*filter(None, (place.table,)), name, *keys), keyword, _called(place, name, keys, keyword), value)
        for name, entry in entries
        if isinstance(entry, dict)
        for keys, text in _texts(entry, place.keys)
        for keyword, value in _secrets(path, keys, text)
    ]  # fmt: skip
    for literal in found:
        remember_secret(literal.value)
    return found


def all_literals() -> dict[Path, list[Literal]]:
    """The secrets in all our files, by file. Raises UserError where one cannot be read."""
    found = {path: literals(path) for path in (config_dir() / name for name in PLACES)}
    return {path: some for path, some in found.items() if some}


def warning() -> str:
    """One line about all secrets in our files; empty where there is none. Says nothing of files that cannot be read."""
    places: list[str] = []
    for name in PLACES:
        path = config_dir() / name
        try:
            found = literals(path)
            text = read_text(path) if found else ""
        except UserError:
            continue
        places += [f"{name}:{one.line(text)} {one.keyword or one.keys[-1]}" for one in found]
    if not places:
        return ""
    count = "a secret stands" if len(places) == 1 else f"{len(places)} secrets stand"
    more = " …" if len(places) > _NAMED else ""
    return (
        f"{count} in files of ours, for everyone who reads them ({', '.join(places[:_NAMED])}{more}):"
        " helpdesk secrets migrate moves them out"
    )


def _texts(entry: Mapping[str, Any], wanted: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for key in wanted:
        name, _, inner = key.partition(".")
        value = entry.get(name)
        if not inner and isinstance(value, str):
            yield (name,), value
        elif inner and isinstance(value, dict):
            for item, text in value.items():
                if inner in ("*", item) and isinstance(text, str):
                    yield (name, item), text


def _secrets(path: Path, keys: tuple[str, ...], text: str) -> Iterator[tuple[str, str]]:
    """Keyword and value of each secret in the text that stands at `keys`."""
    if keys == ("dsn",):
        try:
            parameters = parse_dsn(text, str(path)) if _MAY_HOLD.search(text) else {}
        except UserError:
            return
        yield from ((key, parameters[key]) for key in SECRET_KEYWORDS if parameters.get(key))
    elif text and (keys[0] not in _IF_IT_LOOKS_SO or mask(told := f"{keys[-1]}={text}") != told):
        yield "", text


def _called(place: Place, entry: str, keys: tuple[str, ...], keyword: str) -> str:
    last = keyword or keys[-1]
    words = [place.prefix + entry, *([] if last in _ALONE and len(keys) == 1 else [last])]
    return _UNSAFE.sub("-", "-".join(words))
