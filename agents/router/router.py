"""The decision: which agent, why, and when rather to ask."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agents.router.fields import FIELDS, Field
from agents.router.index import Index
from agents.router.profile import Name, Profile
from agents.router.taught import Taught
from agents.router.words import Spelling, fold, raw_words, terms

ENOUGH = 0.55
"""Score below which nobody is chosen: one likely word is enough, one weak word is not."""
MARGIN = 0.2
"""By how much of its own score the best must lead."""
CARD_WEIGHT = 0.22
"""Of a word that only a card knows: three of them count as one that is sure."""
NAME_WEIGHT = 0.7
"""Of a name of the inventory: enough alone, less than a word that is sure of something else."""
TYPO_WEIGHT = 0.8
ALIKE = 0.6
"""Share of terms that a question has in common with a taught one to be counted as the same."""
TAUGHT_WEIGHT = 3.0
LONGEST_PHRASE = 4
LONGEST_TEXT = 2_000
"""Characters that are looked at: a question says early what it is about, a pasted log does not."""

_CALL = re.compile(r"(?<!\S)@([\w.-]+)[:,]?\s*")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a question goes."""

    agent: str
    """Name of the agent; empty where the router abstains."""
    why: str
    """One line for the operator."""
    text: str
    """The question without the `@agent` in it."""
    target: str = ""
    """Name of the inventory that the question mentions, or empty."""
    candidates: tuple[str, ...] = ()
    """The agents that come into question, the best first, where the router abstains."""


@dataclass
class _Ballot:
    """Points of one question."""

    fields: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    reasons: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    agents: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class Router:
    """Knows agents, names of the inventory, and what it was taught; asks no model and no network."""

    def __init__(
        self, agents: Sequence[Profile], names: Iterable[Name] = (), taught: Taught | None = None
    ) -> None:
        self._agents = {agent.name: agent for agent in agents}
        self._fields = {agent.name: _fields_of(agent) for agent in agents}
        self._names = {fold(name.name): name for name in names}
        self._index = Index({agent.name: _document(agent) for agent in agents})
        phrases: dict[str, list[tuple[Field, float]]] = defaultdict(list)
        for each in FIELDS:
            for phrase, weight in each.weights.items():
                phrases[phrase].append((each, weight))
        self._phrases = dict(phrases)
        known = {word for phrase in phrases for word in phrase.split()} | set(self._index.words)
        self._spelling = Spelling(known)
        self._taught = taught or Taught()
        self._lessons = self._learnt()

    def route(self, text: str) -> Route:
        """The agent for `text`, or none with the reason why not."""
        called = self._called(text)
        if called is not None:
            return called
        looked_at = text[:LONGEST_TEXT]
        words = raw_words(looked_at)
        target = next((self._names[word] for word in words if word in self._names), None)
        ballot = self._ballot(looked_at, target)
        ranked = sorted(
            ((self._score(name, ballot), name) for name in self._agents), key=lambda item: (-item[0], item[1])
        )
        return self._decided(text, target.name if target else "", ballot, ranked)

    def teach(self, text: str, agent: str) -> None:
        """This should have gone to `agent`: it does from now on, and so does what is said alike."""
        called = _CALL.sub("", text)
        self._taught.teach(called, agent)
        self._lessons = self._learnt()

    def _called(self, text: str) -> Route | None:
        found = _CALL.search(text)
        if found is None:
            return None
        rest = (text[: found.start()] + text[found.end() :]).strip()
        word = fold(found[1].rstrip("."))
        exact = [name for name in self._agents if fold(name) == word]
        near = exact or [name for name in self._agents if fold(name).startswith(word)]
        near = near or [
            name for name, fields in self._fields.items() if any(word in each.anchors for each in fields)
        ]
        if len(near) == 1:
            return Route(near[0], f"@{found[1]} was said", rest, self._target(rest))
        if near:
            return Route("", f"@{found[1]} may be {' or '.join(sorted(near))}", rest, "", tuple(sorted(near)))
        known = ", ".join(sorted(self._agents))
        return Route(
            "", f"there is no agent @{found[1]}; known: {known}", rest, "", tuple(sorted(self._agents))
        )

    def _target(self, text: str) -> str:
        return next(
            (self._names[word].name for word in raw_words(text[:LONGEST_TEXT]) if word in self._names), ""
        )

    def _ballot(self, text: str, target: Name | None) -> _Ballot:
        ballot = _Ballot()
        without = fold(text).replace(fold(target.name), " ") if target else text
        given = terms(without)
        meant = [self._spelling.correct(word) for word in given]
        self._count_fields(given, meant, ballot)
        self._count_cards(meant, ballot)
        self._count_lessons(meant, ballot)
        if target is not None:
            ballot.fields[target.field] += NAME_WEIGHT
            ballot.reasons[target.field].append(f"{target.name} is in the inventory")
        return ballot

    def _count_fields(self, given: Sequence[str], meant: Sequence[str], ballot: _Ballot) -> None:
        """Each phrase once, the longest first; a word counts in the phrase that holds it alone."""
        place, seen = 0, set()
        while place < len(meant):
            length = next(
                (n for n in range(min(LONGEST_PHRASE, len(meant) - place), 0, -1)
                 if " ".join(meant[place : place + n]) in self._phrases),
                0,
            )  # fmt: skip
            phrase = " ".join(meant[place : place + length])
            if length and phrase not in seen:
                seen.add(phrase)
                exact = list(given[place : place + length]) == list(meant[place : place + length])
                for each, weight in self._phrases[phrase]:
                    ballot.fields[each.name] += weight * (1.0 if exact else TYPO_WEIGHT)
                    ballot.reasons[each.name].append(phrase if exact else f"{phrase}?")
            place += max(length, 1)

    def _count_cards(self, meant: Sequence[str], ballot: _Ballot) -> None:
        for name, score in self._index.scores(meant).items():
            ballot.agents[name] += min(score * CARD_WEIGHT, 1.0)
            ballot.notes[name].append("words of its card")

    def _count_lessons(self, meant: Sequence[str], ballot: _Ballot) -> None:
        asked = frozenset(meant)
        for lesson, agent in self._lessons:
            together = len(asked | lesson)
            share = len(asked & lesson) / together if together else 0.0
            if share >= ALIKE and agent in self._agents:
                ballot.agents[agent] += TAUGHT_WEIGHT * share
                ballot.notes[agent].insert(0, "taught")

    def _learnt(self) -> list[tuple[frozenset[str], str]]:
        return [
            (frozenset(map(self._spelling.correct, terms(text))), agent)
            for text, agent in self._taught.sentences.items()
        ]

    def _score(self, agent: str, ballot: _Ballot) -> float:
        own = max((ballot.fields.get(each.name, 0.0) for each in self._fields[agent]), default=0.0)
        return own + ballot.agents.get(agent, 0.0)

    def _decided(self, text: str, target: str, ballot: _Ballot, ranked: Sequence[tuple[float, str]]) -> Route:
        near = tuple(name for score, name in ranked if score > 0)[:3]
        best, name = ranked[0] if ranked else (0.0, "")
        if (missing := self._missing(ballot, best)) is not None:
            reasons = ", ".join(ballot.reasons[missing])
            why = f"this is about {missing} ({reasons}), and no agent here knows it"
            return Route("", why, text, target, near)
        if best < ENOUGH:
            return Route("", "no agent's field is in these words; name one with @agent", text, target, near)
        second = ranked[1][0] if len(ranked) > 1 else 0.0
        if best - second < MARGIN * best:
            why = f"it may be for {near[0]} ({self._why(near[0], ballot)}) or {near[1]} ({self._why(near[1], ballot)})"
            return Route("", why, text, target, near)
        return Route(name, self._why(name, ballot), text, target)

    def _missing(self, ballot: _Ballot, best: float) -> str | None:
        """The field that the question is about more than anything that an agent here knows."""
        covered = {each.name for fields in self._fields.values() for each in fields}
        others = [(score, name) for name, score in ballot.fields.items() if name not in covered]
        score, name = max(others, default=(0.0, ""))
        return name if score >= max(best, ENOUGH) else None

    def _why(self, agent: str, ballot: _Ballot) -> str:
        own = max(self._fields[agent], key=lambda each: ballot.fields.get(each.name, 0.0), default=None)
        reasons = list(ballot.notes[agent][:1]) if ballot.notes[agent][:1] == ["taught"] else []
        if own is not None and ballot.reasons[own.name]:
            reasons.append(f"{own.name}: {', '.join(ballot.reasons[own.name])}")
        return "; ".join(reasons or ballot.notes[agent][:1])


def _fields_of(agent: Profile) -> tuple[Field, ...]:
    """The fields of an agent: those that its name or tags name, else those that its card is about most."""
    named = set(_pieces(agent.name)) | {piece for tag in agent.tags for piece in _pieces(tag)}
    found = tuple(each for each in FIELDS if named & each.anchors)
    if found:
        return found
    told = set(terms(f"{agent.description} {' '.join(agent.skills)}"))
    scores = [sum(each.weights.get(word, 0.0) for word in told) for each in FIELDS]
    best = max(scores)
    return tuple(each for each, score in zip(FIELDS, scores, strict=True) if best >= 1.0 and score == best)


def _pieces(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", fold(text))


def _document(agent: Profile) -> list[str]:
    parts = (agent.name, agent.description, *agent.tags, *agent.skills, *agent.examples)
    return [word for part in parts for word in terms(part)]
