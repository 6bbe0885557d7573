"""What waits for a word or a choice of the operator: questions without an agent, of an agent, and kept ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agents.kernel.event import Event

RUNNING = frozenset({"submitted", "working"})
"""States of a task that runs; in any other it has ended, or waits."""
MOST_ASKED = 200
"""Questions of the operator that are remembered, to be asked again elsewhere."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the operator."""

    id: str
    """Id of its message."""
    text: str
    request: Mapping[str, Any]
    target: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A question that the router sent nowhere."""

    asked: Asked
    why: str
    candidates: tuple[str, ...]
    place: int


@dataclass(frozen=True, slots=True)
class AgentQuestion:
    """A task that waits for words of the operator, or for what happens outside of this line."""

    task: str
    agent: str
    target: str
    text: str
    choices: tuple[str, ...]
    place: int
    reply: bool = True
    """False where no words help: the agent waits for credentials that it gets elsewhere."""
    answered: bool = False
    """True while an answer is on its way."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A question whose agent was lost."""

    asked: Asked
    agent: str
    task: str
    why: str
    offered: bool
    """True where the operator is to say whether it is asked again."""
    place: int


@dataclass
class PendingState:
    """Fed by every event of the session, in order."""

    asked: dict[str, Asked] = field(default_factory=dict)
    last: Asked | None = None
    last_agent: str = ""
    """To whom the last question went."""
    sent: dict[str, str] = field(default_factory=dict)
    """Agents that have not said anything yet → id of the question that they got."""
    undecided: Undecided | None = None
    questions: dict[str, AgentQuestion] = field(default_factory=dict)
    """By task."""
    kept: dict[str, Kept] = field(default_factory=dict)
    """By id of the operator's message."""
    open_tasks: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Tasks that have not ended → agent, target, state."""
    concluded: int = 0
    """Place of the last conclusion: what came before it has the number keys no more."""
    _place: int = 0
    _routed: dict[str, str] = field(default_factory=dict)
    """Agent → id of the question that it got last."""
    _question_of: dict[str, str] = field(default_factory=dict)
    """Task → id of its question."""

    def feed(self, event: Event) -> None:
        """Take one event in; kinds that nothing waits for pass by."""
        self._place += 1
        reader = _READERS.get(event.kind)
        if reader is not None:
            reader(self, event)

    def question_of(self, task: str) -> Asked | None:
        """The operator's question that a task works on."""
        return self.asked.get(self._question_of.get(task, ""))

    def waiting(self) -> list[AgentQuestion]:
        """Questions of agents that can be answered, the newest first."""
        found = [item for item in self.questions.values() if item.reply and not item.answered]
        return sorted(found, key=lambda item: -item.place)

    @property
    def offer(self) -> Undecided | Kept | AgentQuestion | None:
        """What the number keys are about, beside an answer: the newest, if nothing was concluded since."""
        found: list[Undecided | Kept | AgentQuestion] = [item for item in self.kept.values() if item.offered]
        found += [item for item in self.questions.values() if not item.reply]
        found += [self.undecided] if self.undecided else []
        newest = max(found, key=lambda item: item.place, default=None)
        return newest if newest is not None and newest.place > self.concluded else None


def _message(state: PendingState, event: Event) -> None:
    body = event.body
    if body.get("role") != "operator":
        state.sent.pop(event.agent, None)
        return
    task = str(body.get("answers") or "")
    if task:
        if task in state.questions:
            state.questions[task] = replace(state.questions[task], answered=True)
        return
    asked = Asked(event.id, str(body.get("text", "")), body.get("request") or {}, event.target)
    state.asked[event.id] = asked
    while len(state.asked) > MOST_ASKED:
        del state.asked[next(iter(state.asked))]
    state.undecided = None


def _route(state: PendingState, event: Event) -> None:
    body = event.body
    asked = state.asked.get(str(body.get("question", "")))
    if asked is None:
        return
    asked = replace(asked, text=str(body.get("asked") or asked.text))
    state.asked[asked.id] = asked
    state.kept.pop(asked.id, None)
    state.undecided = None
    agent = str(body.get("agent", ""))
    if asked.request.get("kind") != "remedy":
        state.last, state.last_agent = asked, agent
    if agent:
        state._routed[agent] = state.sent[agent] = asked.id
    else:
        candidates = tuple(map(str, body.get("candidates", ())))
        state.undecided = Undecided(asked, str(body.get("why", "")), candidates, state._place)


def _task(state: PendingState, event: Event) -> None:
    now = str(event.body.get("state", ""))
    state.sent.pop(event.agent, None)
    if event.task not in state._question_of and event.agent in state._routed:
        state._question_of[event.task] = state._routed[event.agent]
    state.questions.pop(event.task, None)
    if now in {"completed", "failed", "rejected", "canceled"}:
        state.open_tasks.pop(event.task, None)
        return
    state.open_tasks[event.task] = (event.agent, event.target, now)
    plain = now == "input-required" and "choices" in event.body
    if plain or now == "auth-required":
        choices = tuple(map(str, event.body.get("choices", ())))
        text = str(event.body.get("text", ""))
        state.questions[event.task] = AgentQuestion(
            event.task, event.agent, event.target, text, choices, state._place, reply=plain
        )


def _question(state: PendingState, event: Event) -> None:
    body = event.body
    id = str(body.get("question", ""))
    state.kept.pop(id, None)
    state.sent = {agent: asked for agent, asked in state.sent.items() if asked != id}
    match body.get("state"):
        case "kept" if id in state.asked:
            state.open_tasks.pop(event.task, None)
            state.questions.pop(event.task, None)
            why, offered = str(body.get("why", "")), bool(body.get("offered"))
            state.kept[id] = Kept(state.asked[id], event.agent, event.task, why, offered, state._place)
        case "resumed":
            state.open_tasks[event.task] = (event.agent, event.target, "working")
        case "dropped" if state.undecided and state.undecided.asked.id == id:
            state.undecided = None


def _concluded(state: PendingState, event: Event) -> None:
    state.concluded = state._place


def _note(state: PendingState, event: Event) -> None:
    task, asked = str(event.body.get("question") or ""), event.body.get("asked")
    state.sent = {agent: id for agent, id in state.sent.items() if id != asked}
    if task in state.questions:
        state.questions[task] = replace(state.questions[task], answered=False)


def _agent(state: PendingState, event: Event) -> None:
    if event.body.get("state") == "starting":
        # A workbench that starts waits for nothing that it sent in another life.
        state.sent.clear()


_READERS: Mapping[str, Callable[[PendingState, Event], None]] = {
    "message": _message,
    "route": _route,
    "task": _task,
    "question": _question,
    "conclusion": _concluded,
    "note": _note,
    "agent": _agent,
}
