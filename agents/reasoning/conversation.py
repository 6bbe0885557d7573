"""A conversation as the log holds it: what is new in each request, what came back, and all of it read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agents.kernel.event import Event
from agents.kernel.sent import SentRequest, sent_requests
from agents.models.turn import (
    Asked,
    ModelRequest,
    Results,
    Said,
    ToolOffer,
    ToolRequest,
    ToolResult,
    Turn,
)


def turn_json(turn: Turn) -> dict[str, Any]:
    """A turn as an event holds it."""
    match turn:
        case Asked(text):
            return {"asked": text}
        case Said():
            return {"said": said_json(turn)}
        case Results(results):
            return {"results": [asdict(one) for one in results]}


def said_json(said: Said) -> dict[str, Any]:
    """What a model said as an event holds it."""
    requests = [{**asdict(one), "arguments": dict(one.arguments)} for one in said.requests]
    return {"text": said.text, "requests": requests, "provider": said.provider, "replay": said.replay}


def offer_json(offer: ToolOffer) -> dict[str, Any]:
    return {"name": offer.name, "description": offer.description, "parameters": dict(offer.parameters)}


class Sending:
    """Knows what was sent before in this task, so that an event holds only what is new."""

    def __init__(self, before: SentRequest | None = None, said: Mapping[str, Any] | None = None) -> None:
        """`before`: the last request of the task; `said`: what came back on it."""
        self.last = before.call if before else ""
        """Id of the last call before; empty where there was none."""
        self._system = before.system if before else None
        self._tools: list[Any] | None = list(before.tools) if before else None
        self._turns: list[Any] = list(before.turns) if before else []
        self._said = {before.call: {"said": said}} if before and said is not None else {}

    def new_in(self, request: ModelRequest) -> dict[str, Any]:
        """`sent` of the request's event."""
        turns = [turn_json(turn) for turn in request.turns]
        tools = [offer_json(offer) for offer in request.tools]
        kept = _same(self._turns, turns)
        new: dict[str, Any] = {"kept": kept, "turns": [self._short(turn) for turn in turns[kept:]]}
        if request.system != self._system:
            new["system"] = self._system = request.system
        if tools != self._tools:
            new["tools"] = self._tools = tools
        self._turns = turns
        return {**new, "max_output_tokens": request.max_output_tokens}

    def came_back(self, call: str, said: Mapping[str, Any]) -> None:
        """Remember an answer: the next request holds it again, and its event refers to it."""
        self._said[call] = {"said": said}

    def _short(self, turn: dict[str, Any]) -> dict[str, Any]:
        call = next((call for call, said in self._said.items() if said == turn), None)
        return {"said_in": call} if call else turn


def rebuilt(events: Iterable[Event]) -> tuple[list[Turn], Sending] | None:
    """The conversation of a task up to the model's last answer; None where it has none."""
    listed = list(events)
    requests = sent_requests(listed)
    if not requests:
        return None
    last = requests[-1]
    said = next(
        (
            event.body["said"]
            for event in reversed(listed)
            if event.kind == "model.returned" and event.body["call"] == last.call and event.body.get("said")
        ),
        None,
    )
    turns = [_turn(turn) for turn in last.turns]
    return ([*turns, _said(said)] if said is not None else turns), Sending(last, said)


def _turn(data: Mapping[str, Any]) -> Turn:
    if "asked" in data:
        return Asked(data["asked"])
    if "said" in data:
        return _said(data["said"])
    return Results(tuple(ToolResult(**one) for one in data["results"]))


def _said(data: Mapping[str, Any]) -> Said:
    requests = tuple(ToolRequest(**one) for one in data["requests"])
    return Said(data["text"], requests, data["provider"], data["replay"])


def _same(before: Sequence[Any], now: Sequence[Any]) -> int:
    """How many turns are the same from the beginning on."""
    return next(
        (place for place, (old, new) in enumerate(zip(before, now, strict=False)) if old != new),
        min(len(before), len(now)),
    )
