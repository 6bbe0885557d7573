"""What was sent to models, as text: every request whole, as it left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.kernel.sent import SentRequest


def sent_text(requests: Sequence[SentRequest]) -> str:
    """The requests in order; turns and tools that the one before had too are told in a line."""
    lines: list[str] = []
    before: SentRequest | None = None
    for number, request in enumerate(requests, start=1):
        lines += [f"== request {number} of {len(requests)}, {request.at}, to {request.models}", ""]
        lines += _request(request, before if before and before.task == request.task else None)
        before = request
    return "\n".join(lines)


def _request(request: SentRequest, before: SentRequest | None) -> Iterator[str]:
    if before and before.system == request.system:
        yield "-- system: as before"
    else:
        yield from ("-- system", request.system)
    if before and before.tools == request.tools:
        yield f"-- {len(request.tools)} tools: as before"
    else:
        yield f"-- {len(request.tools)} tools"
        yield from (json.dumps(tool, ensure_ascii=False) for tool in request.tools)
    kept = 0
    if before:
        pairs = zip(before.turns, request.turns, strict=False)
        kept = next((place for place, (old, new) in enumerate(pairs) if old != new), len(before.turns))
    if kept:
        yield f"-- {kept} turns: as before"
    for turn in request.turns[kept:]:
        yield from _turn(turn)
    yield ""


def _turn(turn: Mapping[str, Any]) -> Iterator[str]:
    if "asked" in turn:
        yield from ("-- we say", turn["asked"])
    elif "said" in turn:
        said = turn["said"]
        yield from ("-- the model had said", said["text"])
        yield from (f"   asks for {one['name']} {json.dumps(one['arguments'])}" for one in said["requests"])
        if said["replay"] is not None:
            yield f"   with the vendor's own content, {len(json.dumps(said['replay']))} characters (--json has it)"
    else:
        for one in turn["results"]:
            yield from (f"-- result of {one['name']}{', failed' if one['failed'] else ''}", one["text"])
