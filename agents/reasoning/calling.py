"""One question to a model with its record: what was sent, what came back, what it took, and text as it comes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from agents.kernel.event import new_id
from agents.kernel.expert import Work
from agents.models.call import Attempt, Notice
from agents.models.gateway import Models
from agents.models.spending import Spending, Sum
from agents.models.turn import Done, ModelRequest, Said, TextChunk
from agents.reasoning.boundary import Boundary
from agents.reasoning.conversation import Sending, said_json

_LAST_WORD = re.compile(r"\w*\Z")


class Calling:
    """Asks the models of one task. Nothing else sends anything to a model."""

    def __init__(
        self, work: Work, models: Models, boundary: Boundary, sending: Sending, spending: Spending
    ) -> None:
        self.spending = spending
        self.by = ""
        """Provider and model that answered last."""
        self.before = sending.last
        """Id of the call before this turn, whose requests may still wait; empty where there was none."""
        self._work = work
        self._models = models
        self._boundary = boundary
        self._sending = sending

    async def ask(self, request: ModelRequest, round_: int) -> tuple[str, Done]:
        """Id of the call, and the answer as the model gave it. Raises ModelFailed where there is none."""
        # Looking for secrets in a long conversation takes a while: not on the loop that answers a cancel.
        safe = await asyncio.to_thread(self._boundary.request, request)
        call, recorder = new_id(), self._work.recorder
        sent = self._sending.new_in(safe)
        await recorder.commit(
            "model.called",
            {"call": call, "round": round_, "models": self._models.describe(), "sent": sent},
        )
        return call, await self._listen(call, safe)

    async def _listen(self, call: str, request: ModelRequest) -> Done:
        began, attempt, done = time.monotonic(), None, None
        voice = _Voice(self._work, self._boundary)
        error = "cancelled"
        try:
            async with aclosing(self._models.stream(request, self.spending)) as items:
                async for item in items:
                    match item:
                        case TextChunk(text):
                            voice.say(text)
                        case Notice(kind, text):
                            self._work.recorder.emit(
                                "model.notice", {"call": call, "kind": kind, "text": text}
                            )
                        case Attempt(error=""):
                            attempt = item
                        case Attempt():
                            self._returned(call, item, None)
                        case Done():
                            done = item
            assert done is not None, "the gateway ends with Done, or raises"
            error = ""
            return done
        except Exception as failed:
            error = str(failed)
            raise
        finally:
            voice.end()
            if done is not None:
                self._returned(call, attempt, done.said)
            elif error:
                ms = int((time.monotonic() - began) * 1000)
                self._returned(call, Attempt("", "", None, None, None, error, ms), None)

    def _returned(self, call: str, attempt: Attempt | None, said: Said | None) -> None:
        """Record how a call ended. A stream that broke off has been recorded as an attempt that failed."""
        told = said_json(said) if said else None
        if told is not None:
            self._sending.came_back(call, told)
        if attempt is not None and told is not None:
            self.by = f"{attempt.provider}: {attempt.model}"
        attempt = attempt or Attempt(said.provider if said else "", "", None, None, "cut", "", 0)
        self._work.recorder.emit(
            "model.returned",
            {
                "call": call,
                "provider": attempt.provider,
                "model": attempt.model,
                "usage": asdict(attempt.usage) if attempt.usage else None,
                "cost_usd": attempt.cost_usd,
                "stop": attempt.stop,
                "ms": attempt.ms,
                "error": attempt.error,
                "said": told,
                "spent": spent_json(self.spending),
            },
        )


def spent_json(spending: Spending) -> dict[str, Any]:
    """The sums of turn, session and day as events hold them."""
    return {name: _sum(getattr(spending, name)) for name in ("turn", "session", "day")}


def _sum(sum_: Sum) -> Mapping[str, Any]:
    return {"usd": round(sum_.usd, 6), "tokens": sum_.tokens, "unpriced": sum_.unpriced}


class _Voice:
    """Text on its way to the operator; a word that may become a placeholder is held until it is whole."""

    def __init__(self, work: Work, boundary: Boundary) -> None:
        self._work = work
        self._boundary = boundary
        self._held = ""

    def say(self, text: str) -> None:
        if not self._boundary.hides:
            self._work.say(text)
            return
        text = self._held + text
        found = _LAST_WORD.search(text)
        cut = found.start() if found else len(text)
        self._held = text[cut:]
        if text[:cut]:
            self._work.say(self._boundary.back(text[:cut]))

    def end(self) -> None:
        if self._held:
            self._work.say(self._boundary.back(self._held))
            self._held = ""
