"""Tables of models.toml, read key by key with errors that name file and line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from inventory.errors import UserError
from inventory.secrets import FORMS, SecretRef, reference
from inventory.toml_file import line_of


class Table:
    """One table, and where it stands in its file."""

    def __init__(self, path: Path, text: str, keys: tuple[str, ...], values: object) -> None:
        self._path = path
        self._text = text
        self._keys = keys
        if not isinstance(values, dict):
            raise self.error(f"{values!r} stands here, expected a table")
        self.values: dict[str, Any] = values

    def error(self, what: str, key: str = "") -> UserError:
        keys = (*self._keys, key) if key else self._keys
        return UserError(f"{self._path}:{line_of(self._text, *keys)}: {'.'.join(keys) or 'the file'}: {what}")

    def only(self, *known: str) -> None:
        """Raise UserError where a key is none of `known`: what is not understood is not passed over."""
        for key in self.values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
                raise self.error(f"is not known here; {hint}", key)

    def table(self, key: str) -> Table:
        """The table below `key`; empty where it is absent."""
        return Table(self._path, self._text, (*self._keys, key), self.values.get(key, {}))

    def tables(self) -> Iterator[tuple[str, Table]]:
        for key in self.values:
            yield key, self.table(key)

    def text(self, key: str, default: str = "", allowed: Sequence[str] = ()) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str) or (key in self.values and not value.strip()):
            raise self.error(f"{value!r}, expected text", key)
        if allowed and value not in allowed:
            raise self.error(f"{value!r}, expected one of {', '.join(allowed)}", key)
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of different texts, at least one; None where it is absent."""
        found = self.values.get(key)
        if found is None:
            return None
        if not isinstance(found, list) or not found or not all(isinstance(item, str) for item in found):
            raise self.error(f'{found!r}, expected a list of names such as ["anthropic", "local"]', key)
        if len(set(found)) < len(found):
            raise self.error("names one twice", key)
        return tuple(found)

    def mapping(self, key: str) -> Mapping[str, str]:
        """Texts by name; empty where it is absent."""
        below = self.table(key)
        return {name: below.text(name) for name in below.values}

    def whole(self, key: str, default: int, least: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.error(f"{value!r}, expected a whole number from {least}", key)
        return value

    def number(self, key: str, default: float | None) -> float | None:
        """A number from 0; the default where it is absent."""
        value = self.values.get(key, default)
        if value is default:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
            raise self.error(f"{value!r}, expected a number from 0", key)
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"{value!r}, expected true or false", key)
        return value

    def secret(self, key: str) -> SecretRef | None:
        """Where a secret is; None where nothing is said."""
        if key not in self.values:
            return None
        found = reference(self.values[key], self._path)
        if found is None:
            raise self.error(f"is not understood, expected {FORMS}", key)
        return found
