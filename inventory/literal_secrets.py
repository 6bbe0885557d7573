"""Secrets that stand in our TOML files themselves: found, and replaced by a reference, every comment kept."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inventory.dsn import parse_dsn, to_conninfo
from inventory.errors import UserError
from inventory.masking import mask, remember_secret
from inventory.secrets import SecretRef
from inventory.toml_file import line_of, parse_toml, read_text

PLACES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "inventory.toml": ("databases", ("password", "dsn")),
    "agents.toml": ("agents", ("bearer", "api_key", "basic")),
    "models.toml": ("providers", ("key",)),
    "mcp.toml": ("servers", ("bearer", "headers", "env")),
    "approvals.toml": ("systems", ("bearer", "api_key", "basic")),
    "audit.toml": ("", ("bearer",)),
}
"""File → its table of tables (empty: the file itself), and the keys of an entry that may hold a secret."""
_PREFIX = {
    "inventory.toml": "", "agents.toml": "agent-", "models.toml": "model-", "mcp.toml": "mcp-",
    "approvals.toml": "approvals-", "audit.toml": "audit-",
}  # fmt: skip
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_PASSWORDS = (
    (re.compile(r"(?:^|\s+)password\s*=\s*(?:'(?:[^'\\]|\\.)*'|(?:\\.|[^\s\\])+)"), ""),
    (re.compile(r"^(\s*\w+://[^:/@]*):[^@]*@"), r"\1@"),
)
"""Where a password stands in a keyword string and in a URI, and what is left there."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]")


@dataclass(frozen=True, slots=True)
class Literal:
    """One secret in one file."""

    path: Path
    keys: tuple[str, ...]
    """Where it stands: the table, the entry, the key."""
    name: str
    """What it is called in the keyring, or as a file."""
    value: str = field(repr=False)
    old: str = field(repr=False)
    """The whole text that holds it: a connection string, or the secret itself."""

    @property
    def is_dsn(self) -> bool:
        return self.keys[-1] == "dsn"


def literals(path: Path) -> list[Literal]:
    """The secrets in the file at `path`, in its order; each is masked from now on. Raises UserError."""
    if not path.exists():
        return []
    table, wanted = PLACES[path.name]
    data = parse_toml(read_text(path), path)
    tables = data.get(table, {}) if table else data
    entries = tables.items() if isinstance(tables, dict) else ()
    found = [
        Literal(path, (*filter(None, (table,)), name, *keys), _called(path, name, keys), *secret)
        for name, entry in entries
        if isinstance(entry, dict)
        for keys, value in _texts(entry, wanted)
        if (secret := _secret(path, keys, value))
    ]
    for literal in found:
        remember_secret(literal.value)
    return found


def where(literal: Literal, text: str) -> str:
    """`file:line: key`, for people."""
    return f"{literal.path}:{line_of(text, *literal.keys)}: {'.'.join(literal.keys[1:])}"


def without_literal(text: str, literal: Literal, ref: SecretRef) -> str:
    """`text` with a reference in the place of the secret; everything else stays. Raises UserError (exit 2)."""
    wanted = _wanted(tomllib.loads(text), literal, ref)
    for token in _STRING.finditer(text):
        if _value(token[0]) != literal.old:
            continue
        for made in _rewritten(text, token, literal, ref):
            if _parsed(made) == wanted:
                return made
    raise UserError(f"{where(literal, text)}: cannot be rewritten; put {_inline(ref)} there yourself")


def _texts(entry: Mapping[str, Any], wanted: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for key in wanted:
        value = entry.get(key)
        if isinstance(value, str):
            yield (key,), value
        elif key in ("headers", "env") and isinstance(value, dict):
            yield from (((key, name), item) for name, item in value.items() if isinstance(item, str))


def _secret(path: Path, keys: tuple[str, ...], value: str) -> tuple[str, str] | None:
    """The secret, and the text that holds it; None where there is none."""
    if keys == ("dsn",):
        try:
            password = parse_dsn(value, str(path)).get("password", "")
        except UserError:
            return None
        return (password, value) if password else None
    if keys[0] == "env" and mask(f"{keys[1]}={value}") == f"{keys[1]}={value}":
        return None
    return (value, value) if value else None


def _called(path: Path, entry: str, keys: tuple[str, ...]) -> str:
    return _UNSAFE.sub("-", "-".join((_PREFIX[path.name] + entry, *keys[1:])))


def _wanted(data: dict[str, Any], literal: Literal, ref: SecretRef) -> dict[str, Any]:
    wanted = deepcopy(data)
    table = wanted
    for key in literal.keys[:-1]:
        table = table[key]
    if literal.is_dsn:
        table["dsn"] = _plain_dsn(literal)
        table.setdefault("password", ref.to_toml())
    else:
        table[literal.keys[-1]] = ref.to_toml()
    return wanted


def _plain_dsn(literal: Literal) -> str:
    """The connection string without its password: as it was written where that can be, else anew."""
    parameters = parse_dsn(literal.old, str(literal.path))
    del parameters["password"]
    for pattern, instead in _PASSWORDS:
        shorter = pattern.sub(instead, literal.old).strip()
        with suppress(UserError):
            if shorter != literal.old and parse_dsn(shorter, str(literal.path)) == parameters:
                return shorter
    return to_conninfo(parameters)


def _rewritten(text: str, token: re.Match[str], literal: Literal, ref: SecretRef) -> Iterator[str]:
    """Ways to write it: on a line of its own, or inside the braces of an entry on one line."""
    before, after = text[: token.start()], text[token.end() :]
    if not literal.is_dsn:
        yield f"{before}{_inline(ref)}{after}"
        return
    dsn = _quoted(_plain_dsn(literal))
    rest, newline, below = after.partition("\n")
    prefix = before[before.rfind("\n") + 1 :].partition("=")[0].rstrip().removesuffix("dsn")
    yield f"{before}{dsn}{rest}\n{prefix}password = {_inline(ref)}{newline}{below}"
    yield f"{before}{dsn}, password = {_inline(ref)}{after}"
    # The entry names the password elsewhere already: the one in the string goes.
    yield f"{before}{dsn}{after}"


def _inline(ref: SecretRef) -> str:
    return f"{{ {ref.kind} = {_quoted(ref.name)} }}"


def _quoted(text: str) -> str:
    import tomli_w

    return tomli_w.dumps({"x": text}).partition("=")[2].strip()


def _value(token: str) -> object:
    return (_parsed(f"x = {token}") or {}).get("x")


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
