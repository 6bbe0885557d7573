"""What the agents pane shows: each agent as it was seen last. No widget, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from agents.kernel.event import Event
from helpdesk_tui import words
from helpdesk_tui.marks import UNKNOWN, Mark
from helpdesk_tui.paper import Span
from helpdesk_tui.rows import Column, Row, matches

COLUMNS = (
    Column("agent", 14),
    Column("state", 10),
    Column("latency", 7, "right"),
    Column("version", 9, from_width=58),
    Column("transport", 13, from_width=66),
    Column("auth", 20, from_width=110),
    Column("skills"),
)

STATES: Mapping[str, Mark] = {
    "up": Mark("●", "up", "good"),
    "degraded": Mark("▲", "degraded", "warn"),
    "down": Mark("✗", "down", "bad"),
}
STEADY = 1.5
"""A latency is shown anew where it changed by this factor: a list that flickers tells less."""
STEADY_MS = 5.0


class Health(Protocol):
    """How an agent answered."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def latency_ms(self) -> float | None: ...
    @property
    def version(self) -> str: ...
    @property
    def protocol(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def skills(self) -> tuple[str, ...]: ...
    @property
    def card(self) -> Mapping[str, Any] | None: ...


class Look(Protocol):
    """A look at an agent: how it answered, where it is, and what it is shown."""

    @property
    def health(self) -> Health: ...
    @property
    def where(self) -> str: ...
    @property
    def auth(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as it is shown."""

    name: str
    state: str
    where: str
    error: str = ""
    """Why it is not up."""
    latency_ms: float | None = None
    version: str = ""
    transport: str = ""
    auth: str = ""
    skills: tuple[str, ...] = ()
    card: Mapping[str, Any] | None = None


@dataclass
class AgentsState:
    """Looks say how the agents are; events of the session, which of them went down or came back."""

    agents: dict[str, Agent] = field(default_factory=dict)

    @property
    def elsewhere(self) -> bool:
        """Whether there are others than the local ones."""
        return any(agent.where != "local" for agent in self.agents.values())

    def feed(self, event: Event) -> None:
        """Take one event in; kinds that the pane does not show pass by."""
        if event.kind != "agent" or not event.body.get("where"):
            return
        state, text = str(event.body.get("state", "")), str(event.body.get("text", ""))
        known = self.agents.get(event.agent) or Agent(event.agent, "", str(event.body["where"]))
        self.agents[event.agent] = replace(known, state=state, error=text)

    def read(self, look: Look) -> bool:
        """Take a look in; False where it shows nothing new."""
        health, before = look.health, self.agents.get(look.health.name)
        agent = Agent(
            health.name, health.state, look.where, health.text, health.latency_ms, health.version,
            f"{health.transport} {health.protocol}".strip(), look.auth, health.skills, health.card,
        )  # fmt: skip
        if before is not None and _steady(before.latency_ms, agent.latency_ms):
            agent = replace(agent, latency_ms=before.latency_ms)
        if before is not None and agent.card is None:
            # What it said of itself last is still worth reading while it is down.
            agent = replace(
                agent,
                version=before.version,
                transport=before.transport,
                skills=before.skills,
                card=before.card,
            )
        self.agents[agent.name] = agent
        return agent != before

    def forget(self, name: str) -> None:
        """The agent is known no more."""
        self.agents.pop(name, None)

    def rows(self, needle: str = "") -> Sequence[Row]:
        """Rows for a list of COLUMNS."""
        local_first = sorted(self.agents.values(), key=lambda agent: (agent.where != "local", agent.name))
        made = [_row(agent) for agent in local_first]
        return [row for row in made if matches(" ".join(cell.text for cell in row.cells), needle)]

    def summary(self) -> str:
        """`3 agents, 1 down`."""
        down = sum(agent.state == "down" for agent in self.agents.values())
        return words.count(len(self.agents), "agent") + (f", {down} down" if down else "")


def _row(agent: Agent) -> Row:
    mark = STATES.get(agent.state, UNKNOWN)
    up = agent.state != "down"
    latency = words.milliseconds(agent.latency_ms) if up else "–"
    return Row(
        agent.name,
        (
            Span(agent.name), mark.span(), Span(latency, "dim"), Span(agent.version, "dim"),
            Span(agent.transport, "dim"), Span(agent.auth or "none", "dim"), Span(", ".join(agent.skills), "dim"),
        ),
    )  # fmt: skip


def _steady(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return False
    return abs(now - before) < STEADY_MS or before / STEADY < now < before * STEADY
