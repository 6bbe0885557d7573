"""What the target bar says: which database this is, what it is, and whether changes are possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.kernel.event import Event
from helpdesk_tui.marks import ENVIRONMENT_TONE
from helpdesk_tui.paper import Line, Span
from helpdesk_tui.spent import cost

ROOM_FOR_COST = 100
"""Columns from which on the bar says what models have cost; the answers say it too."""


@dataclass
class TargetState:
    """Fed by every event of the session, in order; readings fill in what events have not said yet."""

    target: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    role: str = ""
    lock: bool = True
    """False where the policy has no lock, so that no target is read-only."""
    unlocked: set[str] = field(default_factory=set)
    experts: str = ""
    spent: Mapping[str, Any] = field(default_factory=dict)
    """What models have cost so far, as the last call told it."""
    purpose: str = ""
    note: str = ""
    begun: bool = False
    """False while the session is still being read."""

    @property
    def name(self) -> str:
        return str(self.target.get("name", ""))

    def feed(self, event: Event) -> None:
        """Take one event in; kinds that the bar does not show pass by."""
        body, self.begun = event.body, True
        match event.kind:
            case "session.opened" | "target.selected":
                if body.get("target"):
                    self._select(body["target"])
                self._server(body.get("server"))
            case "conclusion" if event.target == self.name:
                self._server((body.get("report") or {}).get("server"))
            case "target.unlocked":
                self.unlocked.add(str(body.get("target")))
            case "target.locked":
                self.unlocked.discard(str(body.get("target")))
            case "model.returned":
                self.spent = body.get("spent") or {}
            case "session.purpose":
                self.purpose, self.note = str(body.get("purpose") or ""), str(body.get("note") or "")
            case "agent" if not body.get("where"):
                self.experts = str(body.get("state", ""))

    def read(self, name: str, version: str | None, role: str | None) -> None:
        """Take what a health reading says of the target that is shown."""
        if name == self.name:
            self._server({"version": version, "role": role})

    def _select(self, target: Mapping[str, Any]) -> None:
        if target.get("name") != self.name:
            self.version = self.role = ""
        self.target = target

    def _server(self, server: Mapping[str, Any] | None) -> None:
        if server:
            self.version = str(server.get("version") or self.version)
            self.role = str(server.get("role") or self.role)

    def line(self, width: int) -> Line:
        """The bar, as much of it as fits: the name and the lock always do."""
        if not self.target:
            said = "no target: choose one in the inventory (F4)" if self.begun else "loading the session …"
            return (Span(f" {said}", "dim"),)
        environment = str(self.target.get("environment") or "")
        tone = ENVIRONMENT_TONE.get(environment, "chip-dim")
        left = [
            Span(f" {environment.upper() or 'NO ENVIRONMENT'} ", tone),
            Span(f" {self._short_name()}", "strong"),
        ]
        right = [self._experts(), self._purpose(), self._lock()]
        return self._fill(left, [self._models(), *right] if width >= ROOM_FOR_COST else right, width)

    def _short_name(self) -> str:
        from helpdesk_tui.paper import clip

        return clip(self.name, 32)

    def _lock(self) -> Span:
        if not self.lock:
            return Span(" ◇ NO LOCK ", "chip-warn")
        if self.name in self.unlocked:
            return Span(" ◇ UNLOCKED ", "chip-warn")
        return Span(" ▣ READ-ONLY ", "chip-dim")

    def _models(self) -> Span:
        day = self.spent.get("day")
        return Span(f" models today: {cost(day)} " if day else "", "dim")

    def _purpose(self) -> Span:
        from helpdesk_tui.paper import clip

        said = " · ".join(filter(None, (self.purpose, clip(self.note, 16))))
        return (
            Span(f" {said} ", "chip-warn" if self.purpose == "emergency" else "chip-dim")
            if said
            else Span("")
        )

    def _experts(self) -> Span:
        down = {"down": Span(" ✗ experts down ", "bad"), "starting": Span(" › experts starting ", "dim")}
        return down.get(self.experts, Span(""))

    def _fill(self, left: list[Span], right: list[Span], width: int) -> Line:
        from rich.cells import cell_len

        from helpdesk_tui.paper import clip

        room = width - sum(cell_len(span.text) for span in (*left, *right))
        for text in (self._address(), f"PostgreSQL {self.version}" if self.version else "", self.role):
            shown = f"  {clip(text, room)}"
            if text and cell_len(shown) + 1 <= room:
                left.append(Span(shown, "dim"))
                room -= cell_len(shown)
        return (*left, Span(" " * max(room, 0)), *(span for span in right if span.text))

    def _address(self) -> str:
        host, port = self.target.get("host"), self.target.get("port")
        return f"{host}:{port}/{self.target.get('database')}" if host else ""
