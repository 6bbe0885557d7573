"""A server's inputSchema as one that can be checked in full, or the reason why it cannot.

What a server sends is data: a schema may name other hosts, hang a pattern, or hide characters. Only what is
known to be harmless and to be checked gets through; an object that does not say so takes no further arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from agents.kernel.canonical import canonical_json
from agents.kernel.schema import BadSchema, checker
from inventory.masking import inert, inert_line

LARGEST = 32_000
"""Characters of canonical JSON; the largest tool of the reference servers has a twentieth of it."""
DEEPEST = 12
LONGEST_TEXT = 300
"""Characters of a description inside a schema."""

_NOTES = ("title", "description", "$comment")
_SILENT = ("default", "examples", "deprecated", "readOnly", "writeOnly", "enumNames", "$schema", "$id")
_VALUES = ("type", "enum", "const", "required", "format")
_NUMBERS = (
    *("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength"),
    *("maxItems", "minItems", "maxProperties", "minProperties"),
)
_SCHEMAS = ("items", "additionalProperties")
_LISTS = ("allOf", "anyOf", "oneOf")
_TABLES = ("properties", "$defs", "definitions")
_REF = re.compile(r"#/(?:\$defs|definitions)/[A-Za-z0-9_.-]{1,100}", re.ASCII)
_PROPERTY = re.compile(r"[A-Za-z0-9_.$@:/-]{1,64}", re.ASCII)
_TYPES = ("null", "boolean", "number", "integer", "string", "array", "object")
_SLOW = re.compile(r"\)[*+{?]|\\[1-9]|\(\?[^:]|[*+}][^()|\[\]]*[*+{][^()|\[\]]*[*+{]")
"""Repeated groups, back references, look-around, three repeats in a row: what may take for ever on some text."""


def closed(schema: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The schema with every object closed to what it does not name. Raises BadSchema with the reason."""
    try:
        size = len(canonical_json(schema))
    except (ValueError, RecursionError) as error:
        raise BadSchema("its schema cannot be read") from error
    if size > LARGEST:
        raise BadSchema(f"its schema has {size} characters, expected at most {LARGEST}")
    if schema.get("type") != "object":
        raise BadSchema("its schema is not of an object")
    made = _closed(schema, "arguments", 0)
    made.setdefault("properties", {})
    try:
        checker(made, where)
    except BadSchema:
        raise
    except Exception as error:  # code is made of the schema: whatever is wrong with it, the tool is refused
        raise BadSchema(f"its schema cannot be checked ({type(error).__name__})") from error
    return made


def _closed(schema: Any, where: str, depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise BadSchema(f"{where}: nested too deep")
    if not isinstance(schema, Mapping):
        raise BadSchema(f"{where}: is no schema of an object")
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _SILENT or str(key).startswith("x-"):
            continue
        if key not in _READERS:
            raise BadSchema(f"{where}: {inert_line(str(key))[:40]} cannot be checked")
        made[key] = _READERS[key](key, value, where, depth)
    if made.get("properties") or depth == 0:
        made.setdefault("additionalProperties", False)
    types = _types(made)
    if "object" in types and made.get("additionalProperties") is not False:
        raise BadSchema(f"{where}: takes what it does not name")
    if "array" in types and not made.get("items"):
        raise BadSchema(f"{where}: takes items that it does not describe")
    return made


def _note(_: str, value: Any, __: str, ___: int) -> str:
    return inert_line(str(value))[:LONGEST_TEXT]


def _number(key: str, value: Any, where: str, _: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadSchema(f"{where}: {key} is no number")
    return value


def _ref(_: str, value: Any, where: str, __: int) -> str:
    if not isinstance(value, str) or not _REF.fullmatch(value):
        raise BadSchema(f"{where}: $ref does not point into the schema itself")
    return value


def _inner(key: str, value: Any, where: str, depth: int) -> Any:
    return value if isinstance(value, bool) else _closed(value, f"{where}.{key}", depth + 1)


def _list(key: str, value: Any, where: str, depth: int) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise BadSchema(f"{where}: {key} is no list")
    return [_closed(item, f"{where}.{key}", depth + 1) for item in value]


def _table(_: str, value: Any, where: str, depth: int) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadSchema(f"{where}: is no table of schemas")
    for name in value:
        if not _PROPERTY.fullmatch(str(name)):
            raise BadSchema(f"{where}: an argument's name has odd characters")
    return {
        name: _closed({} if inner is True else inner, f"{where}.{name}", depth + 1)
        for name, inner in value.items()
    }


def _types(schema: Mapping[str, Any]) -> list[str]:
    """The types that a schema lets through; where it does not say, any that its own words do not narrow."""
    given = schema.get("type")
    if given is not None:
        return [given] if isinstance(given, str) else list(given)
    narrowed = schema.keys() & {"enum", "const", "$ref", "allOf", "anyOf", "oneOf"}
    return [] if narrowed else ["object", "array"]


def _value(key: str, value: Any, where: str, _: int) -> Any:
    if key == "type" and not all(item in _TYPES for item in (value if isinstance(value, list) else [value])):
        raise BadSchema(f"{where}: unknown type")
    if key == "required" and not (isinstance(value, list) and all(map(_is_name, value))):
        raise BadSchema(f"{where}: required is no list of names")
    if key == "format" and not _is_name(value):
        raise BadSchema(f"{where}: format is no name")
    if key == "enum" and not isinstance(value, list):
        raise BadSchema(f"{where}: enum is no list")
    for item in value if key == "enum" else [value] if key == "const" else []:
        if not (item is None or isinstance(item, str | int | float)) or (
            isinstance(item, str) and inert(item) != item
        ):
            raise BadSchema(f"{where}: {key} holds what cannot be shown as it is")
    return value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _PROPERTY.fullmatch(value) is not None


def _pattern(_: str, value: Any, where: str, __: int) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or _SLOW.search(value):
        raise BadSchema(f"{where}: a pattern that may take for ever")
    try:
        re.compile(value)
    except re.error as error:
        raise BadSchema(f"{where}: a pattern that is none ({error})") from error
    return value


_Reader = Callable[[str, Any, str, int], Any]
_READERS: Mapping[str, _Reader] = {
    **dict.fromkeys(_NOTES, _note),
    **dict.fromkeys(_VALUES, _value),
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_SCHEMAS, _inner),
    **dict.fromkeys(_LISTS, _list),
    **dict.fromkeys(_TABLES, _table),
    "uniqueItems": lambda _, value, __, ___: bool(value),
    "pattern": _pattern,
    "$ref": _ref,
}
"""Keyword → what is kept of its value (keyword, value, where it is, how deep); any other keyword is refused."""
