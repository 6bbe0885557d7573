"""Check arguments against a tool's JSON Schema. Only the keywords below are known; any other is refused at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

KEYWORDS = frozenset({
    "type", "description", "title", "default", "examples", "properties", "required", "additionalProperties", "enum",
    "const", "minimum", "maximum", "minLength", "maxLength", "pattern", "items", "minItems", "maxItems", "format",
})  # fmt: skip

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list | tuple),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


class BadSchema(Exception):
    """A tool's schema uses what is not checked here; such a tool is not accepted."""


def check_schema(schema: Mapping[str, Any], where: str) -> None:
    """Raise BadSchema where a keyword is unknown, or an object would take any argument."""
    unknown = schema.keys() - KEYWORDS
    if unknown:
        raise BadSchema(f"{where}: unknown keyword {', '.join(sorted(unknown))}")
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise BadSchema(f"{where}: additionalProperties must be false")
    for name, inner in schema.get("properties", {}).items():
        check_schema(inner, f"{where}.{name}")
    if "items" in schema:
        check_schema(schema["items"], f"{where}[]")


def fault(schema: Mapping[str, Any], value: Any, where: str = "") -> str:
    """What is wrong with `value`, in one line that names the argument; empty where nothing is."""
    name = where or "arguments"
    wanted = schema.get("type")
    types = [wanted] if isinstance(wanted, str) else list(wanted or ())
    if types and not any(_TYPES[kind](value) for kind in types):
        return f"{name}: expected {' or '.join(types)}, got {type(value).__name__}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{name}: expected one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        return f"{name}: expected {schema['const']}"
    return _inner_fault(schema, value, where)


def _inner_fault(schema: Mapping[str, Any], value: Any, where: str) -> str:
    name = where or "arguments"
    match value:
        case bool() | None:
            return ""
        case str():
            return _text_fault(schema, value, name)
        case int() | float():
            return _number_fault(schema, value, name)
        case Mapping():
            return _object_fault(schema, value, where)
        case list() | tuple():
            return _array_fault(schema, value, name)
    return f"{name}: not JSON"


def _text_fault(schema: Mapping[str, Any], value: str, name: str) -> str:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return f"{name}: {len(value)} characters are too few or too many"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f"{name}: does not match {schema['pattern']}"
    return ""


def _number_fault(schema: Mapping[str, Any], value: float, name: str) -> str:
    if value != value or value < schema.get("minimum", value):
        return f"{name}: expected at least {schema.get('minimum')}"
    if value > schema.get("maximum", value):
        return f"{name}: expected at most {schema['maximum']}"
    return ""


def _object_fault(schema: Mapping[str, Any], value: Mapping[str, Any], where: str) -> str:
    properties: Mapping[str, Any] = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        return f"{where or 'arguments'}: {', '.join(missing)} missing"
    unknown = [str(name) for name in value if name not in properties]
    if unknown:
        return f"{where or 'arguments'}: {', '.join(unknown)} not expected, known: {', '.join(properties) or 'none'}"
    prefix = f"{where}." if where else ""
    return next(
        (line for name, item in value.items() if (line := fault(properties[name], item, prefix + name))), ""
    )


def _array_fault(schema: Mapping[str, Any], value: list[Any] | tuple[Any, ...], name: str) -> str:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return f"{name}: {len(value)} items are too few or too many"
    inner: Mapping[str, Any] = schema.get("items", {})
    return next(
        (line for number, item in enumerate(value) if (line := fault(inner, item, f"{name}[{number}]"))), ""
    )
