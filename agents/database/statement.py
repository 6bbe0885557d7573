"""Named statements: one file in `sql/` each, with a variant for each server version that needs its own.

A file starts with header lines and goes on with one or more variants:

    -- summary: what the rows are, in one line
    -- rows: 500
    -- grant: GRANT pg_monitor TO {role}
    -- extension: pg_stat_statements
    -- limit_ms: 30000
    -- samples: 10
    -- parameter: pid integer the session's process id
    -- [server >= 14]
    SELECT … LIMIT %(row_limit)s
    -- [server >= 16]
    SELECT …

`rows` and `limit_ms` (how long the server may work on it) have a default; `grant` is what opens the
statement to a role that is denied; `extension` is what must be installed, with `{extension}` in the text
where its schema goes; `samples` is how often it must be read to mean something; there is one `parameter` line for each argument. Every variant ends in
`LIMIT %(row_limit)s`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

ROW_LIMIT = 200
LIMIT_MS = 2000
"""How long the server may work on a statement that doesn't say otherwise."""
SCHEMA = "{extension}"
"""Stands for the schema of the extension that a statement needs."""

_HEADER = re.compile(r"-- (summary|rows|grant|extension|limit_ms|samples|parameter): (.+)")
_VARIANT = re.compile(r"-- \[server >= (\d+)\]")
_JSON_TYPES = frozenset({"integer", "string", "boolean"})


@dataclass(frozen=True, slots=True)
class Variant:
    """The text of a statement for servers from one major version on."""

    major: int
    sql: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A read that the database expert may make; nothing else is ever sent to a server to learn about it."""

    name: str
    summary: str
    variants: tuple[Variant, ...]
    """In ascending order of version."""
    parameters: Mapping[str, Mapping[str, str]]
    """JSON Schema properties by parameter name; all are required."""
    row_limit: int = ROW_LIMIT
    grant: str = ""
    """What lets a denied role run it, with `{role}` to fill in; empty where everybody may."""
    extension: str = ""
    """Extension that must be installed in the database; empty where none is needed."""
    limit_ms: int = LIMIT_MS
    samples: int = 1
    """How often it is read, spread over the interval, and added up."""

    def variant_for(self, version_num: int) -> Variant:
        """The newest variant that a server of `version_num` knows; a newer server gets the newest there is."""
        fitting = [variant for variant in self.variants if variant.major * 10000 <= version_num]
        return fitting[-1] if fitting else self.variants[0]

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": {name: dict(schema) for name, schema in self.parameters.items()},
            "required": list(self.parameters),
            "additionalProperties": False,
        }


def parse_statement(name: str, text: str) -> Statement:
    """The statement written in `text`; ValueError naming the line that isn't understood."""
    headers: dict[str, str] = {}
    parameters: dict[str, dict[str, str]] = {}
    variants: list[tuple[int, list[str]]] = []
    for line in text.splitlines():
        if found := _VARIANT.fullmatch(line):
            variants.append((int(found[1]), []))
        elif variants:
            variants[-1][1].append(line)
        elif found := _HEADER.fullmatch(line):
            _read_header(name, found, headers, parameters)
        elif line.strip():
            raise ValueError(f"{name}.sql: {line!r} is neither a header nor in a variant")
    if "summary" not in headers or not variants:
        raise ValueError(f"{name}.sql: needs a summary and at least one '-- [server >= N]' variant")
    return Statement(
        name=name,
        summary=headers["summary"],
        variants=tuple(Variant(major, "\n".join(lines).strip()) for major, lines in sorted(variants)),
        parameters=parameters,
        row_limit=int(headers.get("rows", ROW_LIMIT)),
        grant=headers.get("grant", ""),
        extension=headers.get("extension", ""),
        limit_ms=int(headers.get("limit_ms", LIMIT_MS)),
        samples=int(headers.get("samples", 1)),
    )


def _read_header(
    name: str, found: re.Match[str], headers: dict[str, str], parameters: dict[str, dict[str, str]]
) -> None:
    key, value = found[1], found[2].strip()
    if key != "parameter":
        headers[key] = value
        return
    parameter, kind, description = value.split(maxsplit=2)
    if kind not in _JSON_TYPES:
        raise ValueError(f"{name}.sql: parameter {parameter} has the unknown type {kind}")
    parameters[parameter] = {"type": kind, "description": description}


@cache
def all_statements() -> Mapping[str, Statement]:
    """Every statement by name, from the files that come with this package."""
    files = resources.files("agents.database").joinpath("sql").iterdir()
    named = sorted((file.name.removesuffix(".sql"), file) for file in files if file.name.endswith(".sql"))
    return {name: parse_statement(name, file.read_text("utf-8")) for name, file in named}
