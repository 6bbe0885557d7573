"""Tool calls that other makers' agents tell of, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.kernel.canonical import canonical_json, jsonable, sha256_of, utc_now
from agents.kernel.records import Evidence
from agents.protocol.foreign.shapes import CONFIRMATION, TRAJECTORY_URIS, DataPart, Told
from inventory.masking import mask

RESULT_CHARACTERS = 20_000
"""Of one cell of a result; what is longer is kept whole beside the log."""
MASKED_CHARACTERS = RESULT_CHARACTERS + 1_000
"""Looked through for secrets before it is cut: one across the cut is seen whole."""
USAGE = ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")


@dataclass(frozen=True, slots=True)
class Called:
    """A tool was called."""

    id: str
    tool: str
    arguments: Mapping[str, Any]
    late: bool = False
    """True where a list at the end tells of it, which may repeat what was told before."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A call came back."""

    id: str
    tool: str
    result: Any
    """None where nobody told what came back."""
    error: str = ""
    duration_ms: float | None = None


def steps_of(told: Told) -> Iterator[Called | Returned]:
    """The steps that a message or an artifact tells of, in order."""
    for part in told.parts:
        yield from _adk(part)
        if part.marks.get("helpdesk_type") == "tool_call_summary" or "tool_calls" in part.data:
            yield from _summary(part.data)
    for uri in TRAJECTORY_URIS:
        items = told.metadata.get(uri)
        listed = [items] if isinstance(items, Mapping) else items
        if isinstance(listed, Sequence) and not isinstance(listed, str):
            yield from _trajectory(listed)


def usage_of(marks: Mapping[str, Any]) -> dict[str, int]:
    """Tokens that the agent says it used; empty where it says nothing."""
    for key in ("adk_usage_metadata", "kagent_usage_metadata"):
        told = marks.get(key)
        if isinstance(told, Mapping):
            return {name: int(told[name]) for name in USAGE if isinstance(told.get(name), int | float)}
    return {}


def evidence_of(step: Returned, arguments: Mapping[str, Any], target: str) -> tuple[Evidence, str]:
    """What a call returned, as rows: a field each, or the text; and all of it as text, where the rows hold a part."""
    result = plain(step.result)
    columns: tuple[str, ...] = ("result",)
    cells: list[tuple[str, ...]] = [(_text(result),)]
    if isinstance(result, Mapping):
        columns, cells = ("field", "value"), [(key, _text(value)) for key, value in result.items()]
    truncated = any(len(text) > RESULT_CHARACTERS for row in cells for text in row)
    evidence = Evidence.capture(
        tool=step.tool,
        statement=f"{step.tool} {_cut(canonical_json(jsonable(plain(arguments))))}",
        target=target,
        captured_at=utc_now(),
        duration_ms=step.duration_ms or 0.0,
        columns=columns,
        rows=tuple(tuple(map(_cut, row)) for row in cells),
        truncated=truncated,
    )
    return evidence, "\n".join(": ".join(row) for row in cells) if truncated else ""


def plain(value: Any) -> Any:
    """A value off the wire, where every number is a float, with whole numbers whole again."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def told_plainly(value: Any) -> Any:
    """As `plain`, without secrets that we know, and with every text as long as an event takes it."""
    match plain(value):
        case str() as text:
            return _cut(text)
        case Mapping() as fields:
            return {key: told_plainly(item) for key, item in fields.items()}
        case list() as items:
            return [told_plainly(item) for item in items]
        case other:
            return other


def _adk(part: DataPart) -> Iterator[Called | Returned]:
    name = str(part.data.get("name") or "")
    if not name or name == CONFIRMATION:
        return
    call = str(part.data.get("id") or f"{name}-{sha256_of(plain(part.data))[:12]}")
    match part.mark("type"):
        case "function_call":
            arguments = part.data.get("args")
            yield Called(call, name, told_plainly(arguments) if isinstance(arguments, Mapping) else {})
        case "function_response":
            response = part.data.get("response")
            failed = isinstance(response, Mapping) and (response.get("error") or response.get("isError"))
            yield Returned(call, name, response, str(failed)[:500] if failed else "")


def _summary(data: Mapping[str, Any]) -> Iterator[Called | Returned]:
    listed = data.get("tool_calls")
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        return
    for place, item in enumerate(listed):
        if isinstance(item, str):
            call = f"{place}-{item}"
            yield Called(call, item, {}, late=True)
            yield Returned(call, item, None)
        if not isinstance(item, Mapping):
            continue
        name = str(item.get("name") or item.get("tool") or item.get("tool_name") or "a tool")
        call = str(item.get("id") or item.get("call_id") or f"{name}-{place}-{sha256_of(plain(item))[:8]}")
        arguments = item.get("args") or item.get("arguments") or item.get("parameters") or {}
        given = arguments if isinstance(arguments, Mapping) else {"value": arguments}
        yield Called(call, name, told_plainly(given))
        result = next((item[key] for key in ("result", "output", "response") if key in item), "")
        failed = item.get("error") or ("it failed" if item.get("success") is False else "")
        duration = item.get("duration_ms")
        yield Returned(
            call, name, result, str(failed or "")[:500],
            float(duration) if isinstance(duration, int | float) else None,
        )  # fmt: skip


def _trajectory(items: Sequence[Any]) -> Iterator[Called | Returned]:
    for item in items:
        if isinstance(item, Mapping):
            title = str(item.get("title") or "step")
            call = f"{title[:40]}-{sha256_of(plain(item))[:12]}"
            yield Called(call, title, {})
            yield Returned(call, title, str(item.get("content") or ""))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(jsonable(plain(value)))


def _cut(text: str) -> str:
    """The text without secrets that we know, as far as an event takes it."""
    kept = mask(text[:MASKED_CHARACTERS])[:RESULT_CHARACTERS]
    return kept if len(text) <= RESULT_CHARACTERS else f"{kept} …"
