"""Check arguments against a tool's JSON Schema (draft 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import fastjsonschema

from agents.kernel.canonical import canonical_json

Check = Callable[[Mapping[str, Any]], str]
"""Arguments → what is wrong with them in one line that names the argument; empty where nothing is."""


MOST_CHARACTERS = 200
"""A line that lists every allowed value is cut here."""


class BadSchema(Exception):
    """A tool's parameters can't be checked, or would let any argument pass; such a tool is not accepted."""


def checker(schema: Mapping[str, Any], where: str) -> Check:
    """The check for arguments of this schema. Raises BadSchema, naming `where`."""
    _require_closed(schema, where)
    try:
        validate = _compiled(canonical_json(schema))
    except fastjsonschema.JsonSchemaDefinitionException as error:
        raise BadSchema(f"{where}: {error}") from error

    def check(arguments: Mapping[str, Any]) -> str:
        try:
            validate(dict(arguments))
        except fastjsonschema.JsonSchemaValueException as error:
            line = _told(error).replace("data", "arguments", 1)
            return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]} …"
        return ""

    return check


def _told(error: fastjsonschema.JsonSchemaValueException) -> str:
    if error.rule == "required" and isinstance(error.value, Mapping):
        return f"{error.name} needs {', '.join(name for name in error.rule_definition if name not in error.value)}"
    return str(error.message)


@lru_cache(maxsize=200)
def _compiled(schema: str) -> Callable[[dict[str, Any]], object]:
    """Most tools that read take the same arguments: none."""
    compiled: Callable[[dict[str, Any]], object] = fastjsonschema.compile(
        json.loads(schema), use_default=False
    )
    return compiled


def _require_closed(schema: Mapping[str, Any], where: str) -> None:
    """Raise BadSchema where an object, at any depth, takes arguments that it doesn't name."""
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise BadSchema(f"{where}: additionalProperties must be false")
    for name, inner in schema.get("properties", {}).items():
        _require_closed(inner, f"{where}.{name}")
    if isinstance(schema.get("items"), Mapping):
        _require_closed(schema["items"], f"{where}[]")
