"""An agent's card: what it says of itself, where it is spoken to, and what it can do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from helpdesk_tui.bars import KeyBar
from helpdesk_tui.keys import bindings, of
from helpdesk_tui.messages import CopyWanted
from helpdesk_tui.panes.agents.state import Agent
from helpdesk_tui.paper import BLANK, WHOLE_CHARACTERS, Block, Span, block
from helpdesk_tui.paper_view import PaperView
from inventory.masking import inert_line

LABEL = 12
"""Width of the column of field names."""


class AgentCardScreen(ModalScreen[None]):
    """One agent; everything on it is the agent's own word."""

    BINDINGS = bindings("agent card")

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self.agent = agent
        self.scrolled = VerticalScroll(PaperView(list(paper(agent)), most=WHOLE_CHARACTERS), can_focus=False)
        self.key_bar = KeyBar()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content.assemble((inert_line(self.agent.name), "bold $primary"))
            yield self.scrolled
            yield self.key_bar

    def on_mount(self) -> None:
        self.key_bar.draw(of("agent card"), ())

    def on_resize(self) -> None:
        self.scrolled.styles.max_height = max(self.size.height * 94 // 100 - 4, 3)

    def action_close(self) -> None:
        self.dismiss()

    def action_scroll_card(self, by: int) -> None:
        self.scrolled.scroll_relative(y=by * max(self.scrolled.size.height // 2, 1), animate=False)

    def action_copy(self) -> None:
        text = json.dumps(dict(self.agent.card or {}), indent=2)
        self.post_message(CopyWanted(text, f"the card of {self.agent.name}"))


def paper(agent: Agent) -> Iterator[Block]:
    """The card on paper; the last known one where the agent is down."""
    card = agent.card
    if card is None:
        yield block(Span(agent.error or "its card was not read yet", "warn"))
        return
    if agent.error:
        yield block(Span(f"{agent.state}: {agent.error}", "warn"))
        yield BLANK
    yield block(Span(str(card.get("name", "")), "strong"), Span(f"  {card.get('version', '')}", "dim"))
    yield block(str(card.get("description", "")))
    yield BLANK
    yield from _field("where", agent.where)
    provider = card.get("provider") or {}
    yield from _field(
        "provider", " ".join(str(provider.get(key, "")) for key in ("organization", "url")).strip()
    )
    for item in _mappings(card.get("supportedInterfaces")):
        spoken = f"{item.get('protocolBinding', '')} {item.get('protocolVersion', '')}".strip()
        yield from _field("interface", f"{spoken}  {item.get('url', '')}")
    yield from _field("can", ", ".join(_capabilities(card.get("capabilities") or {})))
    yield from _field("auth", agent.auth or "none: no credential is set for it")
    yield from _field("wants", ", ".join((card.get("securitySchemes") or {}).keys()))
    for skill in _mappings(card.get("skills")):
        yield from _skill(skill)


def _skill(skill: Mapping[str, Any]) -> Iterator[Block]:
    yield BLANK
    tags = ", ".join(map(str, skill.get("tags") or ()))
    yield block(Span(str(skill.get("name") or skill.get("id") or ""), "strong"), Span(f"  {tags}", "dim"))
    yield block(str(skill.get("description", "")), first="  ")
    for example in skill.get("examples") or ():
        yield Block((Span(f"“{example}”", "dim"),), "  ", "   ")


def _capabilities(told: Mapping[str, Any]) -> Iterator[str]:
    words = {
        "streaming": "streaming",
        "pushNotifications": "push notifications",
        "extendedAgentCard": "extended card",
    }
    yield from (word for key, word in words.items() if told.get(key))
    yield from (str(item.get("uri", "")) for item in _mappings(told.get("extensions")))


def _field(name: str, text: str) -> Iterator[Block]:
    if text:
        yield Block((Span(text),), name.ljust(LABEL), " " * LABEL)


def _mappings(values: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(values, Sequence) and not isinstance(values, str):
        yield from (value for value in values if isinstance(value, Mapping))
