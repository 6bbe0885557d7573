"""The inventory file: which databases there are, how to reach them, and what they are to us."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inventory.dsn import SECRET_KEYWORDS, looks_like_dsn, to_conninfo
from inventory.errors import UserError
from inventory.paths import config_dir
from inventory.secrets import FORMS, SecretRef, keep_secret, reference
from inventory.target import ENVIRONMENTS, Target
from inventory.toml_file import line_of, parse_toml, read_text, write_text
from inventory.toml_table import with_table, without_table

TABLE = "databases"
_FIELDS = ("dsn", "service", "environment", "sensitivity", "tags", "monitor_role", *SECRET_KEYWORDS)
_NAME = re.compile(r"[A-Za-z0-9][\w.@-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The databases that a file names, in its order."""

    targets: Mapping[str, Target]
    path: Path
    warnings: tuple[str, ...] = field(default=())
    """One line each: what should be mended in the file, though it could be read."""


def default_path() -> Path:
    """Where the inventory is when nobody says: `inventory.toml` in the configuration directory."""
    return config_dir() / "inventory.toml"


def load(path: Path | None = None) -> Inventory:
    """The inventory in the file at `path`; a file that is not there is an empty one.

    Raises `UserError` (exit 2) with file, line and what was expected.
    """
    path = path or default_path()
    if not path.exists():
        return Inventory({}, path)
    text = read_text(path)
    tables = parse_toml(text, path).get(TABLE, {})
    reader = _Reader(path, text)
    if not isinstance(tables, dict):
        raise reader.error(f"{TABLE} is no table, expected [{TABLE}.NAME]", TABLE)
    targets = {name: reader.target(name, entry) for name, entry in tables.items()}
    return Inventory(targets, path, tuple(reader.warnings))


def add(inventory: Inventory, target: Target) -> Inventory:
    """Write `target` into the file; the rest of it, comments too, stays as it is.

    A secret that lives in memory goes to the keyring, or to a 0600 file where there is none.
    Raises `UserError`: exit 2 for a name that is taken or makes no name, 3 where it cannot be written.
    """
    if target.name in inventory.targets:
        raise UserError(
            f'{inventory.path}: a database "{target.name}" is there already; remove it or pick another name'
        )
    _check_name(target.name, str(inventory.path))
    if target.secret is not None:
        target = replace(target, secret=_kept(target.secret, target.name))
    private = ((key, _kept(ref, f"{target.name}-{key}")) for key, ref in target.private)
    target = replace(target, private=tuple(private))
    text = read_text(inventory.path) if inventory.path.exists() else ""
    write_text(inventory.path, with_table(text, inventory.path, (TABLE, target.name), _entry(target)))
    return load(inventory.path)


def remove(inventory: Inventory, name: str) -> Inventory:
    """Take the database `name` out of the file; the rest stays as it is.

    Raises `UserError`: exit 2 where it is not there, 3 where the file cannot be written.
    """
    if name not in inventory.targets:
        raise UserError(f'{inventory.path}: there is no database "{name}" to remove')
    write_text(inventory.path, without_table(read_text(inventory.path), inventory.path, (TABLE, name)))
    return load(inventory.path)


def resolve(text: str, inventory: Inventory) -> Target:
    """The target that `text` means: a name of the inventory, else a connection string.

    Raises `UserError` (exit 2) for an unknown name, with near matches, or a malformed string.
    """
    if text in inventory.targets:
        return inventory.targets[text]
    if looks_like_dsn(text):
        return Target.from_dsn(text)
    raise _unknown(text, inventory)


def _unknown(text: str, inventory: Inventory) -> UserError:
    names = list(inventory.targets)
    near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif names:
        hint = f"it knows {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}"
    else:
        hint = "it names no database yet"
    return UserError(
        f'unknown target "{text}": {inventory.path} has no database of that name ({hint}); expected one of its '
        "names, host=… dbname=… or postgresql://user@host:5432/database"
    )


def _kept(ref: SecretRef, name: str) -> SecretRef:
    return keep_secret(name, ref.value) if ref.kind == "memory" else ref


def _entry(target: Target) -> dict[str, Any]:
    entry: dict[str, Any] = {"dsn": target.conninfo}
    if target.environment:
        entry["environment"] = target.environment
    for key in ("sensitivity", "tags"):
        if getattr(target, key):
            entry[key] = list(getattr(target, key))
    if target.monitor_role:
        entry["monitor_role"] = target.monitor_role
    if target.secret is not None:
        entry["password"] = target.secret.to_toml()
    return entry | {key: ref.to_toml() for key, ref in target.private}


def _check_name(name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            f'{where}: "{name}" is no name for a database, expected up to 64 letters, digits and . _ - @, '
            "a letter or digit first"
        )


class _Reader:
    """Reads one entry after the other and knows where in the file it is."""

    def __init__(self, path: Path, text: str) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._text = text

    def error(self, what: str, *keys: str) -> UserError:
        return UserError(f"{self._where(*keys)}: {what}")

    def target(self, name: str, entry: object) -> Target:
        _check_name(name, self._where(TABLE, name))
        if not isinstance(entry, dict):
            raise self.error(f'"{name}" is no table, expected [{TABLE}.{name}]', TABLE, name)
        self._warn_of_strangers(name, entry)
        about: dict[str, Any] = {
            "environment": self._environment(name, entry),
            "sensitivity": self._strings(name, entry, "sensitivity"),
            "tags": self._strings(name, entry, "tags"),
            "monitor_role": self._role(name, entry),
        }
        named = {key: self._secret(name, key, entry[key]) for key in SECRET_KEYWORDS if key in entry}
        if password := named.pop("password", None):
            about["secret"] = password
        target = Target.from_dsn(
            self._dsn(name, entry), name=name, where=self._where(TABLE, name, "dsn"), **about
        )
        return replace(target, private=tuple((dict(target.private) | named).items()))

    def _dsn(self, name: str, entry: Mapping[str, Any]) -> str:
        given = [key for key in ("dsn", "service") if key in entry]
        if len(given) != 1 or not isinstance(entry[given[0]], str) or not entry[given[0]].strip():
            raise self.error(
                f'"{name}" needs dsn = "host=… dbname=…" (or a URI), or service = "…", and one of them alone',
                *(TABLE, name, *given[:1]),
            )
        return str(entry["dsn"]) if given == ["dsn"] else to_conninfo({"service": entry["service"]})

    def _environment(self, name: str, entry: Mapping[str, Any]) -> str:
        value = entry.get("environment", "")
        if value not in ENVIRONMENTS:
            expected = ", ".join(filter(None, ENVIRONMENTS))
            raise self.error(
                f"environment is {value!r}, expected one of {expected}", TABLE, name, "environment"
            )
        return str(value)

    def _strings(self, name: str, entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(
                f'{key} is {value!r}, expected a list of texts such as ["one", "two"]', TABLE, name, key
            )
        return tuple(value)

    def _role(self, name: str, entry: Mapping[str, Any]) -> str:
        value = entry.get("monitor_role", "")
        if not isinstance(value, str) or "\x00" in value:
            raise self.error(
                f"monitor_role is {value!r}, expected a role's name", TABLE, name, "monitor_role"
            )
        return value

    def _secret(self, name: str, key: str, value: object) -> SecretRef:
        found = reference(value, self._path)
        if found is None:
            raise self.error(f"{key} is not understood, expected {FORMS}", TABLE, name, key)
        return found

    def _warn_of_strangers(self, name: str, entry: Mapping[str, Any]) -> None:
        for key in entry:
            if key not in _FIELDS:
                near = difflib.get_close_matches(key, _FIELDS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(_FIELDS)}"
                self.warnings.append(
                    f'{self._where(TABLE, name, key)}: "{key}" is not known here and ignored; {hint}'
                )

    def _where(self, *keys: str) -> str:
        return f"{self._path}:{line_of(self._text, *keys)}"
