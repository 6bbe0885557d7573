"""Take secrets out of records: by the names of members, columns and settings first, by the text rules second."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bundles.canonical import DEEPEST, TOO_DEEP
from bundles.redaction.conninfo import option_without_secret, options_without_secrets, without_secrets
from bundles.redaction.keys import Held, held_by
from bundles.redaction.text import TextRedactor
from inventory.masking import HIDDEN

_NAMES = ("name", "key", "variable", "parameter", "option", "setting")
"""Members that name what another member of the same record holds, the first that is there."""
_VALUES = frozenset({
    "value", "setting", "reset_val", "boot_val", "current", "current_value", "configured", "applied", "pending",
    "default", "new", "old", "before", "after", "expected",
})  # fmt: skip


class StructureRedactor:
    """Walks a JSON value; gives it back as plain JSON without secrets."""

    def __init__(self, text: TextRedactor) -> None:
        self._text = text

    def value(self, value: Any, held: Held = Held.OTHER, depth: int = 0) -> Any:
        match value:
            case None | bool():
                return value
            case int() | float():
                return self._number(value, held)
            case Mapping() | list() | tuple() if depth >= DEEPEST:
                return TOO_DEEP
            case Mapping():
                return self._mapping(value, held, depth + 1)
            case list() | tuple():
                return [self.value(item, held, depth + 1) for item in value]
            case _:
                return self._string(str(value), held, depth)

    def _number(self, value: float, held: Held) -> Any:
        if held is Held.SECRET:
            return self._text.take("field", str(value))
        return value if isinstance(value, int) or math.isfinite(value) else str(value)

    def _mapping(self, value: Mapping[Any, Any], held: Held, depth: int) -> dict[str, Any]:
        names = [str(name) for name in value]
        if held is Held.OTHER and _is_table(value):
            rest = {name: item for name, item in value.items() if name != "rows"}
            columns = [str(column) for column in value["columns"]]
            rows = [self._row(columns, row, depth) for row in value["rows"]]
            return {**self._mapping(rest, held, depth), "rows": rows}
        if value.get("kind") == "Secret":
            # A Kubernetes Secret holds its values under these names.
            value = {
                name: self._sealed_if(item, name in ("data", "stringData")) for name, item in value.items()
            }
        if held is Held.OTHER:
            items = self._row(names, list(value.values()), depth)
        else:
            items = [self.value(item, _inside(held, name), depth) for name, item in value.items()]
        return _joined([self._text.text(name) for name in names], items)

    def _sealed_if(self, item: Any, secret: bool) -> Any:
        return self.value(item, Held.SECRET) if secret else item

    def _row(self, names: Sequence[str], row: Sequence[Any], depth: int) -> list[Any]:
        """The values of one record, each by its own name or by the name that a sibling gives it."""
        named, held = _named(names, row)
        return [
            self.value(item, held if index != named and name.lower() in _VALUES and held is not Held.OTHER
                       else held_by(name), depth)
            for index, (name, item) in enumerate(zip(names, row, strict=False))
        ]  # fmt: skip

    def _string(self, text: str, held: Held, depth: int) -> str:
        taken: list[str] = []
        match held:
            case Held.SECRET if text and text != HIDDEN:
                return self._text.take("field", text)
            case Held.CONNECTION:
                text, taken = without_secrets(text)
            case Held.OPTIONS:
                array = text.lstrip().startswith("{")
                text, taken = options_without_secrets(text) if array else option_without_secret(text)
            case _:
                text = self._json_inside(text, depth)
        for value in taken:
            self._text.take("field", value)
        return self._text.text(text)

    def _json_inside(self, text: str, depth: int) -> str:
        """JSON written into a text is walked as what it is; text that is none, or holds no secret, stays as it is."""
        if text.lstrip()[:1] not in ("{", "[") or '"' not in text:
            return text
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return text
        changed = self.value(inner, depth=depth + 1)
        return text if changed == inner else json.dumps(changed, ensure_ascii=False)


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A plain JSON value with every text in it, names included, put through `change`."""
    match value:
        case str():
            return change(value)
        case dict():
            return _joined(
                [change(name) for name in value], [map_texts(item, change) for item in value.values()]
            )
        case list():
            return [map_texts(item, change) for item in value]
        case _:
            return value


def _is_table(value: Mapping[Any, Any]) -> bool:
    columns, rows = value.get("columns"), value.get("rows")
    return (
        isinstance(columns, list | tuple)
        and isinstance(rows, list | tuple)
        and all(isinstance(row, list | tuple) and len(row) == len(columns) for row in rows)
    )


def _named(names: Sequence[str], row: Sequence[Any]) -> tuple[int, Held]:
    lower = [name.lower() for name in names]
    for name in _NAMES:
        if name in lower:
            place = lower.index(name)
            return place, held_by(row[place]) if isinstance(row[place], str) else Held.OTHER
    return -1, Held.OTHER


def _inside(held: Held, name: str) -> Held:
    if held is Held.SECRET:
        return held
    return Held.OTHER if option_without_secret(f"{name}=x")[1] == [] else Held.SECRET


def _joined(names: Sequence[str], items: Sequence[Any]) -> dict[str, Any]:
    """Names and items as one object; names that became the same are told apart by a number."""
    result: dict[str, Any] = {}
    for name, item in zip(names, items, strict=True):
        unique, number = name, 1
        while unique in result:
            number += 1
            unique = f"{name}#{number}"
        result[unique] = item
    return result
