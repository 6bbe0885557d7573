"""The boundary: everything that goes to a model passes here, and what comes back is put into its own words again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from agents.kernel.records import Evidence
from agents.models.configuration import Privacy
from agents.models.turn import Asked, ModelRequest, Results, ToolOffer, Turn
from agents.reasoning.names import literals_of, names_of, tells
from bundles.redaction.text import KnownValues, Tally, TextRedactor
from inventory.masking import inert

FRAMED = "| "
"""Begins every line of framed data; see `agents.reasoning.frames`."""
_PLACEHOLDER = re.compile(r"\b(?:name|text|number)_[0-9a-f]{8}\b")


class Boundary:
    """Takes secrets out, always; names and literals, where the settings say so, by placeholders that stay the same.

    A placeholder follows from the session and the value alone, so that another process gives the same one.
    """

    def __init__(self, privacy: Privacy, session: str) -> None:
        self._privacy = privacy
        self._session = session
        self._rules = TextRedactor(Tally())
        self._secrets = KnownValues((), Tally())
        self._taken = 0
        self._hidden: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._passed: dict[str, str] = {}

    def learn(self, evidence: Iterable[Evidence], names: Iterable[str] = ()) -> None:
        """Look at evidence before anything of it is sent: what is secret or hidden in one place is so in all.

        `names`: others that are hidden where names are.
        """
        found: dict[str, str] = {}
        if not self._privacy.identifiers:
            found |= dict.fromkeys(filter(tells, names), "name")
        for item in evidence:
            for column, cell in _texts(item):
                self._rules.text(cell)
                if not self._privacy.identifiers:
                    found |= dict.fromkeys(names_of(column, cell), "name")
                if not self._privacy.literals:
                    found |= dict(literals_of(column, cell))
        self._hide(found)

    def request(self, request: ModelRequest) -> ModelRequest:
        """The request as it may leave."""
        return replace(
            request,
            system=self.out(request.system),
            turns=tuple(self._turn(turn) for turn in request.turns),
            tools=tuple(self._offer(offer) for offer in request.tools),
        )

    def out(self, text: str) -> str:
        """Text as it may leave: no secret, no control characters, and nothing that the settings keep here."""
        if len(self._rules.taken) != self._taken:
            self._taken = len(self._rules.taken)
            self._secrets = KnownValues(self._rules.taken, Tally())
            self._passed.clear()
        if text not in self._passed:
            self._passed[text] = self._out(text)
        return self._passed[text]

    def cell(self, text: str) -> str:
        """One value without what is secret by its own form; the rest is done when it leaves."""
        return self._rules.text(text)

    def back(self, text: str) -> str:
        """What the model said, with the values that its placeholders stand for."""
        return _PLACEHOLDER.sub(lambda found: self._shown.get(found[0], found[0]), text)

    def arguments(self, values: Any) -> Any:
        """A tool's arguments with the values that placeholders stand for; a hidden number is a number again."""
        match values:
            case str() if values in self._shown and values.startswith("number_"):
                return int(self._shown[values])
            case str():
                return self.back(values)
            case Mapping():
                return {key: self.arguments(value) for key, value in values.items()}
            case list() | tuple():
                return [self.arguments(value) for value in values]
            case _:
                return values

    @property
    def hides(self) -> bool:
        """Whether anything is replaced by placeholders."""
        return bool(self._hidden)

    def _out(self, text: str) -> str:
        safe = "\n".join(self._secrets.text(self._rules.text(block)) for block in _blocks(inert(text)))
        if self._pattern is None:
            return safe
        return self._pattern.sub(lambda found: self._hidden[found[0]], safe)

    def _turn(self, turn: Turn) -> Turn:
        """What the model said itself goes back as it was: it holds nothing that had not left before."""
        match turn:
            case Asked():
                return Asked(self.out(turn.text))
            case Results():
                return Results(tuple(replace(one, text=self.out(one.text)) for one in turn.results))
            case _:
                return turn

    def _offer(self, offer: ToolOffer) -> ToolOffer:
        return replace(offer, description=self._rules.text(offer.description))

    def _hide(self, found: Mapping[str, str]) -> None:
        new = {value: kind for value, kind in found.items() if value not in self._hidden}
        if not new:
            return
        for value, kind in new.items():
            digest = hashlib.sha256(f"{self._session}\0{value}".encode("utf-8", "replace")).hexdigest()
            self._hidden[value] = f"{kind}_{digest[:8]}"
            self._shown[self._hidden[value]] = value
        longest_first = sorted(self._hidden, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<![\w\\])(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
        self._passed.clear()


def _texts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for row in evidence.rows:
        for column, cell in zip(evidence.columns, row, strict=True):
            if isinstance(cell, str):
                yield column, cell
            elif isinstance(cell, list):
                yield from ((column, one) for one in cell if isinstance(one, str))


def _blocks(text: str) -> Iterator[str]:
    """Framed lines each by itself, so that an open quote in one row hides no other; the rest in one piece."""
    free: list[str] = []
    for line in text.split("\n"):
        if line.startswith(FRAMED):
            if free:
                yield "\n".join(free)
                free = []
            yield line
        else:
            free.append(line)
    if free:
        yield "\n".join(free)
