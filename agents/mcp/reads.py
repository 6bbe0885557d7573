"""What an MCP client may call here: the database expert's reads, its triage, and what it recognises."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from agents.kernel.canonical import canonical_json
from agents.kernel.executor import Executor
from agents.kernel.expert import Expert, Question, Work
from agents.kernel.recorder import Recorder
from agents.kernel.records import Evidence, Report
from agents.kernel.report import assemble
from agents.kernel.schema import Check, checker
from agents.kernel.tool import Tool, ToolCall
from agents.reasoning.boundary import Boundary
from inventory.errors import UserError

Schema = dict[str, Any]

MOST_CHARACTERS = 60_000
"""Of the rows in one answer; what is cut off is in the log, under the id of the evidence."""

_OURS = frozenset({
    "id", "tool", "columns", "captured_at", "schema", "condition", "severity", "risk", "caused_by", "evidence",
    "version", "role",
})  # fmt: skip
"""Keys whose values come from no server."""

_TEXT = {"type": "string"}
_TRIAGE = {
    "type": "object",
    "properties": {
        "only": {
            "type": "array",
            "items": _TEXT,
            "description": "Groups or ids of conditions; default: all.",
        },
        "interval": {"type": "number", "description": "Seconds between two samples of counters."},
    },
    "additionalProperties": False,
}
_CONDITIONS = {
    "type": "object",
    "properties": {"id": {"type": "string", "description": "One condition in full; default: the list."}},
    "additionalProperties": False,
}
_TARGET = {"type": "string", "description": "Name of a database in the inventory."}


class Reads:
    """Offers and carries out; `only` is the one target, or empty for any that the inventory names."""

    def __init__(self, expert: Expert, executor: Executor, only: str) -> None:
        self.only = only
        self._expert = expert
        self._executor = executor
        self._tools: dict[str, Tool] = {
            name: tool
            for name, tool in expert.tools.items()
            if tool.risk == "read" and tool.run and executor.for_models(tool)
        }
        self._own: dict[str, tuple[str, Schema]] = {
            "triage": ("Sweep a database once; name what is wrong, root causes first.", _TRIAGE),
            "conditions": ("What triage recognises: thresholds, meaning, remedies.", _CONDITIONS),
        }
        self._checks: dict[str, Check] = {
            name: checker(schema, name) for name, (_, schema) in self._own.items()
        }

    def offered(self) -> Iterator[tuple[str, str, Schema]]:
        """Name, description and schema of each tool."""
        for name, (summary, schema) in self._own.items():
            yield name, summary, schema if name == "conditions" else self._aimed(schema)
        for name, tool in sorted(self._tools.items()):
            yield name, tool.summary, self._aimed(tool.parameters)

    def target_of(self, arguments: Mapping[str, Any]) -> str:
        """The target that a call means, as far as it can be known."""
        return self.only or str(arguments.get("target", ""))

    async def call(
        self, name: str, arguments: Mapping[str, Any], recorder: Recorder, boundary: Boundary
    ) -> Any:
        """Carry out a call; what comes back may leave. Raises UserError or Refused, or what a read raises."""
        arguments = boundary.arguments(arguments)
        if name == "conditions":
            self._check(name, arguments)
            return await asyncio.to_thread(_described, str(arguments.get("id", "")))
        if name not in self._tools and name != "triage":
            raise UserError(f"there is no tool {name!r} here")
        target = await asyncio.to_thread(self._target, arguments)
        left = {key: value for key, value in arguments.items() if key != "target" or self.only}
        if name == "triage":
            self._check(name, left)
            report = await self._triage(left, target, recorder)
            return await asyncio.to_thread(_reported, report, boundary)
        evidence = await self._executor.read(ToolCall(name, left, target), recorder)
        return await asyncio.to_thread(_told, evidence, boundary)

    async def _triage(self, wishes: Mapping[str, Any], target: str, recorder: Recorder) -> Report:
        request = {**wishes, "kind": "triage"}
        question = Question("", request, target, recorder.session, recorder.task)
        await self._expert.answer(question, Work(question, self._executor, recorder))
        await recorder.flush()
        stored = await asyncio.to_thread(recorder.log.events, recorder.session)
        return assemble(item.event for item in stored if item.event.task == recorder.task)

    def _check(self, name: str, arguments: Mapping[str, Any]) -> None:
        if line := self._checks[name](arguments):
            raise UserError(f"{name}: {line}")

    def _target(self, arguments: Mapping[str, Any]) -> str:
        if self.only:
            return self.only
        from inventory.registry import load

        name = arguments.get("target")
        # A name and no DSN: a client does not say where we connect to, and as whom.
        if not isinstance(name, str) or name not in load().targets:
            known = ", ".join(sorted(load().targets)) or "none"
            raise UserError(f"target is {name!r}, expected a name of the inventory: {known}")
        return name

    def _aimed(self, schema: Mapping[str, Any]) -> Schema:
        """The schema with the target as an argument, where the client has to name one."""
        aimed = deepcopy(dict(schema))
        if not self.only:
            aimed["properties"] = {**aimed.get("properties", {}), "target": _TARGET}
            aimed["required"] = [*aimed.get("required", ()), "target"]
        return aimed


def _described(condition: str) -> Any:
    from agents.commands import NEWEST, describe
    from agents.database.catalogue import all_conditions
    from agents.database.reading import Reader
    from agents.database.tools import change_tools

    catalogue = all_conditions()
    if not condition:
        return [{"id": one.id, "severity": one.severity, "title": one.title} for one in catalogue.values()]
    if condition not in catalogue:
        raise UserError(f"there is no condition {condition!r}; without an id all are listed")
    return describe(catalogue[condition], NEWEST, change_tools(Reader()))


def _reported(report: Report, boundary: Boundary) -> Any:
    """The report without the rows, which the reads give."""
    names = [str(report.target.get(key) or "") for key in ("name", "host", "database", "user")]
    boundary.learn(report.evidence, names)
    told = report.to_json()
    kept = ("id", "tool", "captured_at", "truncated")
    told["evidence"] = [{key: item[key] for key in kept} for item in told["evidence"]]
    return _out(told, boundary)


def _told(evidence: Evidence, boundary: Boundary) -> Any:
    """The evidence, with as many of its rows as an answer may hold."""
    rows, left = [], MOST_CHARACTERS
    for row in evidence.rows:
        left -= len(canonical_json(row))
        if left < 0:
            break
        rows.append(row)
    told = evidence.to_json() | {
        "rows": rows,
        "truncated": evidence.truncated or len(rows) < len(evidence.rows),
    }
    boundary.learn([replace(evidence, rows=tuple(rows))])
    return _out(told, boundary)


def _out(value: Any, boundary: Boundary) -> Any:
    """The value with every text in it as it may leave; words of ours stay as they are."""
    if isinstance(value, str):
        return boundary.out(value)
    if isinstance(value, Mapping):
        return {key: inner if key in _OURS else _out(inner, boundary) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_out(inner, boundary) for inner in value]
    return value
