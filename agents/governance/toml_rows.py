"""Arrays of TOML tables (`[[rules]]`), read with errors that name file and line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from inventory.errors import UserError
from inventory.toml_file import line_of

T = TypeVar("T")


class Row:
    """One table of an array, and where it stands in its file."""

    def __init__(self, path: Path, text: str, array: str, number: int, values: Any) -> None:
        self.path = path
        self.line, self._end = _place(text, array, number)
        self._text = text
        if not isinstance(values, dict):
            raise self.error(f"{array} holds {values!r}, expected tables such as [[{array}]]")
        self.values: dict[str, Any] = values

    def error(self, what: str, key: str = "") -> UserError:
        return UserError(f"{self.path}:{self.line_of(key)}: {what}")

    def line_of(self, key: str) -> int:
        """The line of `key` in this table; of the table itself where it does not show."""
        for number, line in enumerate(self._text.splitlines()[self.line - 1 : self._end], start=self.line):
            if key and re.match(rf"\s*\"?{re.escape(key)}\"?\s*[.=]", line):
                return number
        return self.line

    def only(self, known: Sequence[str]) -> None:
        """Raise UserError where a key is none of `known`: what is not understood is not passed over."""
        for key in self.values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
                raise self.error(f"{key!r} is not known here; {hint}", key)

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.error(f"{key} is {value!r}, expected text", key)
        return value

    def texts(self, key: str, allowed: Sequence[str] = ()) -> tuple[str, ...]:
        """A text or a list of texts, each one of `allowed` where that is given."""
        value = self.values.get(key, [])
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(item, str) and item for item in found):
            raise self.error(f'{key} is {value!r}, expected a list of texts such as ["one", "two"]', key)
        if key in self.values and not found:
            raise self.error(f"{key} is empty, so that nothing fits; leave it out to mean any", key)
        for item in found:
            if allowed and item not in allowed:
                raise self.error(f"{key} holds {item!r}, expected one of {', '.join(allowed)}", key)
        return tuple(found)

    def whole(self, key: str, default: int | None, least: int = 0) -> int | None:
        value = self.values.get(key, default)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise self.error(f"{key} is {value!r}, expected a whole number from {least}", key)
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(f"{key} is {value!r}, expected true or false", key)
        return value

    def parsed(self, key: str, parse: Callable[[Any], T]) -> T | None:
        """What `parse` makes of the value, whose ValueError becomes an error with its place; None where it is absent."""
        if key not in self.values:
            return None
        try:
            return parse(self.values[key])
        except ValueError as error:
            raise self.error(str(error), key) from error


def rows_of(data: dict[str, Any], array: str, path: Path, text: str) -> list[Row]:
    """The tables of an array. Raises UserError where it is none."""
    found = data.get(array, [])
    if not isinstance(found, list):
        raise UserError(f"{path}:{line_of(text, array)}: {array} is no list, expected [[{array}]] tables")
    return [Row(path, text, array, number, values) for number, values in enumerate(found)]


def _place(text: str, array: str, number: int) -> tuple[int, int]:
    """First and last line of the table with this number; the whole file where it is written in another way."""
    lines = text.splitlines()
    headers = [n for n, line in enumerate(lines, start=1) if re.match(rf"\s*\[\[\s*{array}\s*\]\]", line)]
    if number >= len(headers):
        return line_of(text, array), len(lines)
    begin = headers[number]
    after = (n for n, line in enumerate(lines, start=1) if n > begin and re.match(r"\s*\[", line))
    own = (n for n in after if not re.match(rf"\s*\[\s*{array}\s*\.", lines[n - 1]))
    return begin, next(own, len(lines) + 1) - 1
