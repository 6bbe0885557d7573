"""What an expert says where no model can be asked: once in a session, and quietly."""

from __future__ import annotations

import asyncio

from agents.kernel.expert import Work
from agents.models import configuration

NO_MODEL = "no model is set up: rules alone answer (docs/configuration.md tells how to add one)"


async def set_up(expert: str) -> bool:
    """Whether the expert has a model to ask. Raises UserError where models.toml makes no sense."""
    settings = await asyncio.to_thread(configuration.load)
    return bool(settings.providers_for(expert))


async def tell_once(work: Work, text: str = NO_MODEL) -> None:
    """Record the note `text`, where this session has not had it yet."""
    recorder = work.recorder
    notes = await asyncio.to_thread(recorder.log.events, recorder.session, kinds=("note",))
    if not any(item.event.body.get("text") == text for item in notes):
        recorder.emit("note", {"text": text})
