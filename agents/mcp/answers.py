"""Questions of servers and the operator's answers, kept in the log: they outlive the process, and can be read later."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from agents.kernel.event import Event
from agents.kernel.recorder import Recorder
from agents.mcp.elicitation import Elicitation, Values

ASKED = "tool.asked"
ANSWERED = "tool.answered"


async def keep_question(asked: Elicitation, recorder: Recorder) -> None:
    """Record what a server asks, so that the answer finds it."""
    body = {"question": asked.id, "server": asked.server, "message": asked.message, "schema": asked.schema}
    await recorder.commit(ASKED, body)


async def keep_answer(asked: Elicitation, words: str, recorder: Recorder) -> None:
    """Record the operator's words as an answer. Raises ValueError where they do not fit."""
    body = {"question": asked.id, "values": asked.answer(words)}
    await recorder.commit(ANSWERED, body, principal=recorder.caller)


async def answers(recorder: Recorder) -> Mapping[str, Values]:
    """The answers of this task, by question."""
    events = await _of_task(recorder)
    return {event.body["question"]: event.body["values"] for event in events if event.kind == ANSWERED}


async def open_question(recorder: Recorder) -> Elicitation | None:
    """What a server asked last in this task, where it has no answer yet."""
    events = await _of_task(recorder)
    if not events or events[-1].kind == ANSWERED:
        return None
    body = events[-1].body
    return Elicitation(body["server"], body["message"], body["schema"])


async def _of_task(recorder: Recorder) -> Sequence[Event]:
    stored = await asyncio.to_thread(recorder.log.events, recorder.session, kinds=(ASKED, ANSWERED))
    return [item.event for item in stored if item.event.task == recorder.task]
