"""What was sent to models, put together again from the events that recorded it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.kernel.event import Event


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One request to a model, whole, as it left the machine; every value is plain JSON."""

    call: str
    task: str
    at: str
    models: str
    """Who was asked, in order."""
    system: str
    tools: tuple[Mapping[str, Any], ...]
    turns: tuple[Mapping[str, Any], ...]
    """`{"asked": text}`, `{"said": {text, requests, provider, replay}}` or `{"results": [{request, name, text, failed}]}`."""
    max_output_tokens: int


def sent_requests(events: Iterable[Event]) -> list[SentRequest]:
    """Every request among the events, in order. An event holds only what is new against the one before in its task."""
    last: dict[str, SentRequest] = {}
    said: dict[str, Mapping[str, Any]] = {}
    requests = []
    for event in events:
        if event.kind == "model.returned" and event.body.get("said") is not None:
            said[event.body["call"]] = event.body["said"]
        elif event.kind == "model.called":
            last[event.task] = request = _whole(event, last.get(event.task), said)
            requests.append(request)
    return requests


def _whole(event: Event, before: SentRequest | None, said: Mapping[str, Mapping[str, Any]]) -> SentRequest:
    new = event.body["sent"]
    turns = [{"said": said[turn["said_in"]]} if "said_in" in turn else turn for turn in new["turns"]]
    kept = before.turns[: new["kept"]] if before else ()
    return SentRequest(
        call=event.body["call"],
        task=event.task,
        at=event.at,
        models=event.body["models"],
        system=new["system"] if "system" in new or before is None else before.system,
        tools=tuple(new["tools"]) if "tools" in new or before is None else before.tools,
        turns=(*kept, *turns),
        max_output_tokens=new["max_output_tokens"],
    )
