"""The tool loop: the model asks, the executor decides and reads, until the model concludes or has had its rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from agents.models.gateway import ModelFailed
from agents.models.spending import tokens_of_request
from agents.models.turn import ModelRequest, Results, Said, ToolRequest, ToolResult, Turn
from agents.reasoning import conclusion
from agents.reasoning.answering import Answers
from agents.reasoning.calling import Calling
from agents.reasoning.conclusion import CONCLUDE, EVIDENCE_ID, Conclusion

CONTEXT_TOKENS = 60_000
"""About this many tokens of conversation; what is older is then shortened to its evidence ids. Every model in use
reads more; more costs more with every call."""


class Stopped(Exception):
    """The loop ends without a conclusion; the text says why, in a few words for the operator."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a turn ended."""

    call: str
    """Id of the call that concluded."""
    conclusion: Conclusion
    said: Said
    """The last answer; it may ask for a change as well."""
    fault: str = ""
    """What is wrong with the answer as a whole; empty where nothing is."""


class Loop:
    """One turn: from what is said to the model to its conclusion."""

    def __init__(self, calling: Calling, answers: Answers, base: ModelRequest, rounds: int) -> None:
        """`base`: the request with the conversation so far; `rounds`: how often the model may ask for tools."""
        self._calling = calling
        self._answers = answers
        self._request = base
        self._rounds = rounds
        self.said = ""
        """The model's last words."""

    @property
    def begun(self) -> bool:
        """Whether the model has said anything yet in this conversation."""
        return any(isinstance(turn, Said) for turn in self._request.turns)

    async def run(self) -> Ended:
        """Ask until the model concludes. Raises Stopped, ModelFailed, and what asking for a change raises."""
        pending = self._request.turns[-1] if self._request.turns else None
        used = 0
        if isinstance(pending, Said) and pending.requests:
            await self._answer(pending, self._calling.before)
            used = 1
        for round_ in count(used + 1):
            call, said, stop = await self._ask(round_)
            found = _concluded(said.requests)
            if found is not None:
                return Ended(call, found, said)
            if not said.requests:
                return Ended(call, conclusion.from_text(said.text), said, _ENDINGS.get(stop, ""))
            if round_ > self._rounds:
                raise Stopped(f"the model has had its {_rounds(self._rounds)} of tool calls")
            if self._answers.repeats(said.requests):
                raise Stopped("the model asks for the same again and again")
            await self._answer(said, call)
        raise AssertionError("the rounds have an end")

    async def _ask(self, round_: int) -> tuple[str, Said, str]:
        self._request = compacted(self._request, CONTEXT_TOKENS)
        try:
            call, done = await self._calling.ask(self._request, round_)
        except ModelFailed as failed:
            if failed.kind != "too_long":
                raise
            self._request = compacted(self._request, tokens_of_request(self._request) // 2)
            call, done = await self._calling.ask(self._request, round_)
        self.said = done.said.text or self.said
        self._add(done.said)
        return call, done.said, done.stop

    async def _answer(self, said: Said, call: str) -> None:
        self._add(await self._answers.to(said.requests, call, said.text))

    def _add(self, turn: Turn) -> None:
        self._request = replace(self._request, turns=(*self._request.turns, turn))


def _rounds(number: int) -> str:
    return "1 round" if number == 1 else f"{number} rounds"


_ENDINGS = {
    "length": "the model's answer was cut off at its limit of length",
    "cut": "the model's answer broke off; this is not the whole of it",
    "refused": "the model would not answer",
}


def _concluded(requests: Sequence[ToolRequest]) -> Conclusion | None:
    """The conclusion that the model asks to record, where it is whole."""
    for one in requests:
        if one.name == CONCLUDE.name and not one.malformed and not conclusion.wrong_with(one.arguments):
            return conclusion.from_arguments(one.arguments)
    return None


def compacted(request: ModelRequest, room: int) -> ModelRequest:
    """The request within about `room` tokens: the oldest results go first, and leave their evidence ids."""
    while tokens_of_request(request) > room:
        place = next(_shortenable(request.turns), None)
        if place is None:
            return request
        turns = list(request.turns)
        results = turns[place]
        assert isinstance(results, Results)
        turns[place] = Results(tuple(map(_short, results.results)))
        request = replace(request, turns=tuple(turns))
    return request


def _shortenable(turns: Sequence[Turn]) -> Iterator[int]:
    """Places of results that can be made shorter, all but the last ones: the model has not read those yet."""
    for place, turn in enumerate(turns[:-1]):
        if isinstance(turn, Results) and any(_short(one) != one for one in turn.results):
            yield place


def _short(result: ToolResult) -> ToolResult:
    ids = dict.fromkeys(EVIDENCE_ID.findall(result.text[:200]))
    told = f"evidence {' '.join(ids)}: left out here to save room; show_evidence has its rows" if ids else ""
    short = told or "left out here to save room"
    return replace(result, text=short) if len(short) < len(result.text) else result
