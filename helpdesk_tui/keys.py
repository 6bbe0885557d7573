"""Every key of the workbench, declared once: bindings, key bar, help and README come from this table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.binding import BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """A key, where it works and what it does."""

    id: str
    keys: str
    """Textual's names, separated by commas; the first is the one shown."""
    action: str
    """Textual action; empty for a key that a widget reads itself."""
    label: str
    """One or two words for the key bar; empty keeps it off the bar."""
    help: str
    where: str
    """A place of PLACES."""
    priority: bool = False


PLACES: Mapping[str, str] = {
    "everywhere": "Everywhere",
    "panes": "Outside inputs",
    "chat": "Chat",
    "list": "Lists",
    "rows": "Lists",
    "trace": "Trace",
    "inventory": "Inventory",
    "approvals": "Approvals",
    "decision": "Approval card",
    "done": "Approval card",
    "agents": "Agents",
    "agent card": "Agent card",
    "card": "Approval card",
    "decisions": "Approvals and grants",
    "hits": "Hits",
    "form": "Form",
    "reading": "Page",
    "evidence": "Evidence",
    "filter": "Filter",
    "help": "Help",
}

KEYS: tuple[Key, ...] = (
    Key("help", "f1", "app.help", "Help", "the keys that work right here", "everywhere", priority=True),
    Key("pane.chat", "f2", "app.pane('chat')", "", "go to chat", "everywhere", priority=True),
    Key("pane.trace", "f3", "app.pane('trace')", "", "go to trace", "everywhere", priority=True),
    Key("pane.inventory", "f4", "app.pane('inventory')", "", "go to inventory", "everywhere", priority=True),
    Key("pane.approvals", "f5", "app.pane('approvals')", "", "go to pending approvals", "everywhere", priority=True),
    Key("evidence.last", "f6", "app.evidence_of_conclusion", "Evidence", "evidence of the last conclusion", "everywhere", priority=True),
    Key("undo.last", "f7", "app.undo_last", "", "ask for the undo of the last action", "everywhere", priority=True),
    Key("zoom", "f8", "app.zoom", "", "the pane over the whole screen, and back", "everywhere", priority=True),
    Key("pane.agents", "f9", "app.pane('agents')", "", "go to agents", "everywhere", priority=True),
    Key("palette", "ctrl+p", "app.command_palette", "Commands", "every command, by name", "everywhere", priority=True),
    Key("notices", "ctrl+n", "app.notices", "", "the last notices, whole", "everywhere", priority=True),
    Key("cancel", "escape", "app.leave", "", "leave what is open, else cancel the running task", "everywhere"),
    Key("quit", "ctrl+q", "app.quit", "Quit", "leave; the session stays", "everywhere", priority=True),
    Key("panes.chat", "1", "app.pane('chat')", "", "go to chat", "panes"),
    Key("panes.trace", "2", "app.pane('trace')", "", "go to trace", "panes"),
    Key("panes.inventory", "3", "app.pane('inventory')", "", "go to inventory", "panes"),
    Key("panes.approvals", "4", "app.pane('approvals')", "", "go to pending approvals", "panes"),
    Key("panes.agents", "5", "app.pane('agents')", "", "go to agents", "panes"),
    Key("panes.help", "question_mark", "app.help", "", "the keys that work right here", "panes"),
    Key("panes.next", "tab", "app.focus_next", "", "next pane", "panes"),
    Key("panes.previous", "shift+tab", "app.focus_previous", "", "previous pane", "panes"),
    Key("panes.quit", "q", "app.quit", "", "leave; the session stays", "panes"),
    Key("chat.send", "enter", "", "Send", "send the question", "chat"),
    Key("chat.newline", "ctrl+j,shift+enter,alt+enter", "newline", "New line", "a new line in the question", "chat"),
    Key("chat.older", "up", "", "", "the question before (on the first line)", "chat"),
    Key("chat.newer", "down", "", "", "the question after (on the last line)", "chat"),
    Key("chat.remedy", "1,2,3,4,5,6,7,8,9", "", "", "take what has that number: a remedy, an agent, an answer (prompt empty)", "chat"),
    Key("chat.complete", "tab", "", "", "complete the agent's name after @ or /route; else the next pane", "chat"),
    Key("chat.answer", "ctrl+r", "answer", "", "answer the question of an agent that waits", "chat"),
    Key("chat.up", "pageup,ctrl+up", "scroll_chat(-1)", "Scroll back", "scroll back", "chat"),
    Key("chat.down", "pagedown,ctrl+down", "scroll_chat(1)", "", "scroll on", "chat"),
    Key("chat.copy", "ctrl+y", "copy_answer", "Copy", "copy the last answer", "chat"),
    Key("chat.whole", "ctrl+o", "whole", "", "the whole text of what is in sight, nothing cut", "chat"),
    Key("chat.editor", "ctrl+g", "app.write_question", "", "write the question in $EDITOR", "chat"),
    Key("list.up", "up,k", "move(-1)", "", "a row up", "list"),
    Key("list.down", "down,j", "move(1)", "", "a row down", "list"),
    Key("list.page_up", "pageup,ctrl+u", "page(-1)", "", "a page up", "list"),
    Key("list.page_down", "pagedown,ctrl+d", "page(1)", "", "a page down", "list"),
    Key("list.first", "home,g", "first", "", "the first row", "list"),
    Key("list.last", "end,upper_g,G", "last", "", "the last row; new rows are followed there", "list"),
    Key("list.open", "enter", "open", "Open", "open the row", "list"),
    Key("list.whole", "v", "whole", "", "the whole row, nothing cut", "list"),
    Key("list.filter", "slash", "filter", "Filter", "show only rows with these words", "rows"),
    Key("list.copy", "y", "copy", "Copy", "copy the row", "rows"),
    Key("trace.fold", "space", "fold", "Fold", "fold or unfold the task", "trace"),
    Key("trace.explain", "x", "explain", "Why", "what the policy says of this call", "trace"),
    Key("inventory.probe", "r", "probe", "Read now", "read the health of every target now", "inventory"),
    Key("agents.address", "a", "address", "Ask", "begin a question to the agent", "agents"),
    Key("agents.teach", "t", "teach", "Teach", "the last question should have gone here: it does now, and later", "agents"),
    Key("agents.reload", "r", "reload", "Look now", "read agents.toml again and look at every agent", "agents"),
    Key("agent_card.close", "escape,q", "close", "Close", "back to the workbench", "agent card"),
    Key("agent_card.up", "up,k,pageup", "scroll_card(-1)", "", "scroll up", "agent card"),
    Key("agent_card.down", "down,j,pagedown", "scroll_card(1)", "Scroll", "scroll down", "agent card"),
    Key("agent_card.copy", "y", "copy", "Copy JSON", "copy the card as JSON", "agent card"),
    Key("inventory.explain", "x", "explain", "Why", "what the policy says of calls on this target", "inventory"),
    Key("inventory.lock", "l", "lock", "Lock", "make the target read-only, or unlock it for this session", "inventory"),
    Key("card.left", "left,h", "choose(-1)", "", "the choice to the left", "decision"),
    Key("card.right", "right,l", "choose(1)", "", "the choice to the right", "decision"),
    Key("card.approve", "a", "pick('approve')", "", "go to approve; Enter then does it", "decision"),
    Key("card.deny", "d", "pick('deny')", "", "go to deny; Enter then does it", "decision"),
    Key("card.reason", "n", "pick('reason')", "", "deny and say why", "decision"),
    Key("card.decide", "enter", "decide", "Do it", "do what is chosen", "decision"),
    Key("card.edit", "c", "form('edit')", "Edit", "change the arguments; checked and asked anew", "decision"),
    Key("card.grant", "g", "form('grant')", "Grant", "approve, and with it the next such calls", "decision"),
    Key("card.withdraw", "w", "form('withdraw')", "", "take your own yes back, while others are missing", "decision"),
    Key("card.refresh", "r", "refresh_card", "Refresh", "read the victims again", "decision"),
    Key("card.undo", "u", "undo", "Undo", "ask for what undoes the action", "done"),
    Key("card.explain", "x", "explain", "Why", "which rule asks, and what would have to change", "card"),
    Key("card.why", "e", "why", "Evidence", "the evidence behind it", "card"),
    Key("card.copy", "y", "copy", "Copy", "copy the card", "card"),
    Key("card.scroll_up", "up,k,pageup", "scroll_card(-1)", "", "scroll the card up", "card"),
    Key("card.scroll_down", "down,j,pagedown", "scroll_card(1)", "", "scroll the card down", "card"),
    Key("card.next", "right_square_bracket", "next_card(1)", "", "the next approval", "card"),
    Key("card.previous", "left_square_bracket", "next_card(-1)", "", "the approval before", "card"),
    Key("card.decisions", "o", "decisions", "All", "all approvals and grants of this session", "card"),
    Key("decisions.revoke", "r", "revoke", "Revoke", "take the grant back", "decisions"),
    Key("decisions.close", "escape,q", "close", "Close", "back to the workbench", "decisions"),
    Key("hits.close", "escape,q", "close", "Close", "back to the workbench", "hits"),
    Key("form.next", "tab,down", "next_field(1)", "", "the next field", "form"),
    Key("form.previous", "shift+tab,up", "next_field(-1)", "", "the field before", "form"),
    Key("form.send", "enter", "", "Send", "the next field; on the last one, send", "form"),
    Key("form.close", "escape", "close", "Close", "leave; nothing is done", "form"),
    Key("reading.copy", "y", "copy", "Copy", "copy the page", "reading"),
    Key("reading.close", "escape,q,x", "close", "Close", "back to the workbench", "reading"),
    Key("evidence.close", "escape,q", "close", "Close", "back to the workbench", "evidence"),
    Key("evidence.next", "n", "turn(1)", "Next", "the next evidence", "evidence"),
    Key("evidence.previous", "p", "turn(-1)", "Previous", "the evidence before", "evidence"),
    Key("evidence.whole", "w", "whole", "", "all that was kept, where the rows are a part of it", "evidence"),
    Key("evidence.left", "left", "columns(-1)", "", "columns to the left", "evidence"),
    Key("evidence.right", "right", "columns(1)", "", "columns to the right", "evidence"),
    Key("evidence.up", "ctrl+up", "scroll_statement(-1)", "", "scroll the statement up", "evidence"),
    Key("evidence.down", "ctrl+down", "scroll_statement(1)", "", "scroll the statement down", "evidence"),
    Key("evidence.record", "space", "record", "Record", "the row as a record, and back", "evidence"),
    Key("evidence.copy_rows", "Y,upper_y", "copy_rows", "", "copy all rows, separated by tabs", "evidence"),
    Key("evidence.copy_statement", "s", "copy_statement", "Copy SQL", "copy the statement", "evidence"),
    Key("filter.keep", "enter", "", "", "keep the filter and go back to the list", "filter"),
    Key("filter.clear", "escape", "clear", "Clear", "clear the filter", "filter"),
    Key("help.copy", "y", "copy", "Copy", "copy the list of keys", "help"),
    Key("help.close", "escape,q,f1,question_mark", "close", "Close", "back to the workbench", "help"),
)  # fmt: skip

_SHOWN = {
    "question_mark": "?",
    "slash": "/",
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


def of(*places: str) -> list[Key]:
    """The keys of these places, in the order of the places."""
    return [key for place in places for key in KEYS if key.where == place]


def bindings(*places: str) -> list[BindingType]:
    """Textual bindings of these places; keys that a widget reads itself have none."""
    from textual.binding import Binding

    return [
        Binding(
            key.keys, key.action, key.label, id=key.id, show=False, priority=key.priority, tooltip=key.help
        )
        for key in of(*places)
        if key.action
    ]


def shown(key: Key, most: int = 3) -> str:
    """The keys as they are written for people: `↑ k`."""
    names = [_display(name) for name in key.keys.split(",") if not name.startswith("upper_")]
    if len(names) > 4 and names == [str(n) for n in range(1, len(names) + 1)]:
        return f"{names[0]}–{names[-1]}"
    return " ".join(names[:most])


def first_shown(key: Key) -> str:
    """The one key that the key bar shows."""
    return _display(key.keys.split(",")[0])


def _display(name: str) -> str:
    if name in _SHOWN:
        return _SHOWN[name]
    if name.startswith("ctrl+"):
        return f"^{name[5:]}" if len(name) == 6 else f"Ctrl+{_display(name[5:])}"
    if "+" in name:
        modifier, rest = name.split("+", 1)
        return f"{modifier.capitalize()}+{_display(rest)}"
    return name.upper() if len(name) > 1 and name[0] == "f" else name


def by_place(places: Iterable[str]) -> list[tuple[str, list[Key]]]:
    """Titles and keys of places that have keys, for the help screen; places of one title are one."""
    titled: dict[str, list[Key]] = {}
    for place in dict.fromkeys(places):
        titled.setdefault(PLACES[place], []).extend(of(place))
    return [(title, keys) for title, keys in titled.items() if keys]
