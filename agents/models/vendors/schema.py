"""The shape of a tool's arguments as every vendor takes it.

One schema that a vendor does not take fails the whole request, and tools of MCP servers come with any schema. What is
left out here only guides the model: arguments are held against the whole schema before anything else is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_CHOICES = ("oneOf", "anyOf")
_ALL = (*_CHOICES, "allOf")
_NOT_AT_THE_TOP = (
    *(*_ALL, "not", "if", "then", "else", "enum", "const", "$ref", "required"),
    *("dependentSchemas", "dependentRequired", "dependencies"),
)
_NOWHERE = ("$schema", "$id", "$comment")
"""Keywords about the schema as a document."""


def offered(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as one plain object at its top: alternatives there become optional properties.

    One that is nested too deeply is offered as an object of which nothing is known.
    """
    try:
        return _flat(schema)
    except RecursionError:
        return {"type": "object", "properties": {}}


def _flat(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for part in _parts(schema, schema, {}):
        for name, value in _mapping(part.get("properties")).items():
            properties.setdefault(name, _plain(value))
    top = {key: _plain(value) for key, value in schema.items() if key not in (*_NOT_AT_THE_TOP, *_NOWHERE)}
    required = [name for name in _required(schema, schema, {}) if name in properties]
    return {**top, "type": "object", "properties": properties} | ({"required": required} if required else {})


def _parts(
    schema: Mapping[str, Any], root: Mapping[str, Any], seen: dict[int, Mapping[str, Any]]
) -> Iterable[Mapping[str, Any]]:
    """The schema, what it refers to, and all its alternatives, each once: references may go in circles."""
    if id(schema) not in seen:
        seen[id(schema)] = schema
        for below in (
            *(branch for word in _ALL for branch in _branches(schema, word)),
            *_named(schema, root),
        ):
            _parts(below, root, seen)
    return seen.values()


def _required(
    schema: Mapping[str, Any], root: Mapping[str, Any], known: dict[int, dict[str, None]]
) -> dict[str, None]:
    """Names that are needed whichever alternative holds, in order."""
    if id(schema) in known:
        return known[id(schema)]
    names = schema.get("required")
    found = dict.fromkeys(name for name in names if isinstance(name, str)) if isinstance(names, list) else {}
    known[id(schema)] = found
    for below in (*_branches(schema, "allOf"), *_named(schema, root)):
        found |= _required(below, root, known)
    for word in _CHOICES:
        each = [_required(branch, root, known) for branch in _branches(schema, word)]
        found |= dict.fromkeys(name for name in (each[0] if each else ()) if all(name in one for one in each))
    return found


def _branches(schema: Mapping[str, Any], word: str) -> Sequence[Mapping[str, Any]]:
    found = schema.get(word)
    return [branch for branch in found if isinstance(branch, dict)] if isinstance(found, list) else ()


def _named(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What a reference within the same schema names; nothing where there is none."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#"):
        return
    found: Any = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
        else:
            found = _mapping(found).get(name)
    if isinstance(found, dict):
        yield found


def _plain(value: Any) -> Any:
    """The same without keywords about the document; a property may bear such a name."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _plain(item) for key, item in value.items() if key not in _NOWHERE or isinstance(item, dict)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
