"""The one table of keys: nothing is bound twice, everything bound exists, all of it is in the help."""

from __future__ import annotations

from collections import Counter

import pytest

from helpdesk_tui import keys
from helpdesk_tui.app import Workbench
from helpdesk_tui.panes.agents.pane import AgentsPane
from helpdesk_tui.panes.approvals.options import Options as Choices
from helpdesk_tui.panes.chat.prompt import Prompt
from helpdesk_tui.panes.inventory.pane import InventoryPane
from helpdesk_tui.panes.trace.pane import TracePane
from helpdesk_tui.row_list import RowList
from helpdesk_tui.screens.agent_card import AgentCardScreen
from helpdesk_tui.screens.decisions import DecisionsScreen
from helpdesk_tui.screens.evidence import EvidenceScreen
from helpdesk_tui.screens.form import FormScreen
from helpdesk_tui.screens.help import HelpScreen
from helpdesk_tui.screens.hits import HitsScreen
from helpdesk_tui.screens.reading import ReadingScreen

OWNERS = {
    "everywhere": Workbench,
    "panes": Workbench,
    "chat": Prompt,
    "list": RowList,
    "trace": TracePane,
    "inventory": InventoryPane,
    "agents": AgentsPane,
    "agent card": AgentCardScreen,
    "decision": Choices,
    "done": Choices,
    "card": Choices,
    "decisions": DecisionsScreen,
    "hits": HitsScreen,
    "form": FormScreen,
    "reading": ReadingScreen,
    "evidence": EvidenceScreen,
    "help": HelpScreen,
}


def test_every_key_has_one_name_and_a_known_place() -> None:
    assert Counter(key.id for key in keys.KEYS).most_common(1)[0][1] == 1
    assert {key.where for key in keys.KEYS} <= set(keys.PLACES)
    assert all(key.help for key in keys.KEYS)


@pytest.mark.parametrize("place", list(keys.PLACES))
def test_no_key_means_two_things_in_one_place(place: str) -> None:
    names = Counter(name for key in keys.of(place) if key.action for name in key.keys.split(","))
    assert not [name for name, count in names.items() if count > 1]


def test_no_key_of_a_card_means_two_things() -> None:
    names = Counter(name for key in keys.of("decision", "done", "card") for name in key.keys.split(","))
    assert not [name for name, count in names.items() if count > 1]


@pytest.mark.parametrize("place", list(OWNERS))
def test_every_action_is_there(place: str) -> None:
    for key in keys.of(place):
        if key.action:
            owner = Workbench if key.action.startswith("app.") else OWNERS[place]
            name = key.action.removeprefix("app.").split("(")[0]
            assert callable(getattr(owner, f"action_{name}", None)), key.id


def test_keys_of_every_pane_do_not_collide_with_those_that_work_everywhere() -> None:
    everywhere = {name for key in keys.of("everywhere") for name in key.keys.split(",")} - {"escape"}
    for place in ("list", "rows", "trace", "inventory", "agents", "decision", "done", "card", "chat"):
        assert not everywhere & {name for key in keys.of(place) for name in key.keys.split(",")}


def test_no_needed_key_is_one_that_tmux_or_a_terminal_keeps() -> None:
    taken = {"ctrl+b", "ctrl+s", "ctrl+z", "ctrl+c", "ctrl+a"}
    assert not taken & {name for key in keys.KEYS for name in key.keys.split(",")}
