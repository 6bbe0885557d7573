"""What the trace shows: task → expert → tool, as it happens. No widget, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.kernel.event import Event
from helpdesk_tui import marks, words
from helpdesk_tui.marks import Mark
from helpdesk_tui.panes.trace import model_calls
from helpdesk_tui.paper import Span
from helpdesk_tui.rows import Column, LazyRows, Row, matches

MAX_NODES = 10_000
"""Oldest nodes go first; the log keeps them all."""

COLUMNS = (
    Column("task › expert › tool"),
    Column("risk", 13, from_width=90),
    Column("target", 16, from_width=96),
    Column("", 1, below_width=90),
    Column("time", 8, "right"),
    Column("rows", 5, "right", from_width=40),
)

_RUNNING = Mark("›", "running", "accent")
_OK = Mark("✓", "ok", "good")
_FAILED = Mark("✗", "failed", "bad")
_NOT_READ = Mark("?", "not read", "warn")
_NOTICE = Mark("▲", "notice", "warn")
_UNCOVERED = Mark("?", "not all covered", "warn")


@dataclass(slots=True)
class Node:
    """One line of the tree."""

    key: str
    depth: int
    label: str
    mark: Mark
    task: str
    at: str
    risk: str = ""
    target: str = ""
    ms: float | None = None
    rows: int | None = None
    evidence: str = ""
    error: str = ""
    progress: str = ""
    """What the call had to say last, while it runs."""
    approval: str = ""
    call: Mapping[str, Any] | None = None
    """Tool, risk and reason of a call that was refused."""


@dataclass
class TraceState:
    """Fed by every event of the session, in order."""

    nodes: list[Node] = field(default_factory=list)
    dropped: int = 0
    folded: set[str] = field(default_factory=set)
    by_key: dict[str, Node] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)
    """Id of the operator's message → its text."""
    routes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Agent → question that it got last, and why it got it, until the task begins."""

    def feed(self, event: Event) -> None:
        """Take one event in; kinds that the trace does not show pass by."""
        body = event.body
        match event.kind:
            case "message" | "route" | "question":
                self._asked(event)
            case "task":
                self._task_state(event)
            case "tool.called":
                self._called(event)
            case "tool.progress":
                self._progressed(event)
            case "tool.returned":
                self._returned(event)
            case "tool.refused":
                self._expert_node(event)
                node = self._add(event, event.id, 2, str(body.get("tool", "")), marks.APPROVAL["refused"])
                node.call = {key: body.get(key) for key in ("tool", "risk", "reason")}
                node.target, node.error = str(body.get("target", "")), str(body.get("reason", ""))
            case (
                "approval.requested"
                | "action.started"
                | "approval.decided"
                | "approval.edited"
                | "action.finished"
                | "action.refused"
            ):
                self._approval(event)
            case "model.called" | "model.returned" | "model.notice" | "model.concluded":
                self._model(event)
            case "finding":
                self._found(event)
            case "agent" if body.get("state") != "starting":
                up = body.get("state") in {"up", "restarted"}
                who = f"{event.agent} is" if body.get("where") else "experts"
                label = f"{who} {body.get('state')}: {body.get('text', '')}".rstrip(": ")
                self._add(event, event.id, 0, label, _OK if up else _FAILED)

    # building

    def _task_node(self, event: Event) -> Node:
        node = self.by_key.get(event.task)
        if node is None:
            question, route = self.routes.pop(event.agent, ("", ""))
            label = " ".join(question.split()) or "task"
            node = self._add(event, event.task, 0, label, marks.TASK["submitted"])
            node.target = event.target
            if route:
                self._add(event, f"{event.task}/agent", 1, route, _OK)
        return node

    def _asked(self, event: Event) -> None:
        body = event.body
        if event.kind == "route":
            self._routed(event)
        elif event.kind == "question" and body.get("state") != "dropped" and event.task:
            kept = body.get("state") == "kept"
            self._task_node(event).mark = marks.TASK["kept" if kept else "working"]
        elif body.get("role") == "operator" and not body.get("answers"):
            self.questions[event.id] = str(body.get("text", ""))
            if event.agent:
                # An undo goes to its agent without a route.
                self.routes[event.agent] = (self.questions[event.id], "")

    def _routed(self, event: Event) -> None:
        """The last question, or the one that the route names, goes to its agent; without one that is said at once."""
        body, where = event.body, f" on {event.target}" if event.target else ""
        last = next(reversed(self.questions), "")
        question = self.questions.get(str(body.get("question", "")), self.questions.get(last, ""))
        agent = str(body.get("agent", ""))
        if agent:
            self.routes[agent] = (question, f"{agent}{where}: {body.get('why')}")
        else:
            label = f"{' '.join(question.split())}: {body.get('why')}"
            self._add(event, event.id, 0, label, marks.TASK["undecided"])

    def _task_state(self, event: Event) -> None:
        node = self._task_node(event)
        state = str(event.body.get("state", ""))
        node.mark = marks.TASK.get(state, marks.UNKNOWN)
        if state in {"completed", "failed", "rejected", "canceled"}:
            began, ended = words.when(node.at), words.when(event.at)
            node.ms = (ended - began).total_seconds() * 1000 if began and ended else None
        if state in {"failed", "rejected"}:
            node.error = str(event.body.get("text", ""))

    def _called(self, event: Event) -> None:
        body = event.body
        self._expert_node(event)
        parent = self.by_key.get(str(body.get("parent") or ""))
        depth = parent.depth + 1 if parent else 2
        node = self._add(event, str(body["call"]), depth, str(body["tool"]), _RUNNING, parent=parent)
        node.risk, node.target = str(body.get("risk", "")), str(body.get("target", ""))

    def _progressed(self, event: Event) -> None:
        if node := self.by_key.get(str(event.body.get("call"))):
            node.progress = str(event.body.get("text", ""))

    def _returned(self, event: Event) -> None:
        body = event.body
        node = self.by_key.get(str(body.get("call")))
        if node is None:
            return
        failed = _NOT_READ if node.risk == "read" else _FAILED
        node.mark, node.progress = _OK if body.get("ok") else failed, ""
        node.ms, node.rows = body.get("duration_ms"), body.get("rows")
        node.evidence, node.error = str(body.get("evidence") or ""), str(body.get("error") or "")

    def _found(self, event: Event) -> None:
        found = event.body["finding"]
        self._expert_node(event)
        node = self._add(
            event, event.id, 2, str(found.get("title", "")), marks.severity(found.get("severity", ""))
        )
        node.evidence = next(iter(found.get("evidence", ())), "")

    def _model(self, event: Event) -> None:
        body = event.body
        call = self.by_key.get(str(body.get("call")))
        match event.kind:
            case "model.called":
                self._expert_node(event)
                self._add(event, str(body["call"]), 2, model_calls.asked(body), _RUNNING)
            case "model.returned" if call is not None:
                call.label = model_calls.answered(body, call.label)
                call.mark, call.error = (_FAILED, str(body["error"])) if body.get("error") else (_OK, "")
                call.ms = body.get("ms")
            case "model.notice" if call is not None:
                self._add(event, event.id, 3, str(body.get("text", "")), _NOTICE, parent=call)
            case "model.concluded":
                mark = _UNCOVERED if body.get("marks") else _OK
                self._expert_node(event)
                node = self._add(event, event.id, 2, model_calls.concluded(body), mark)
                node.evidence = next(iter(body.get("evidence", ())), "")

    def _approval(self, event: Event) -> None:
        body = event.body
        key = body["approval"]["id"] if event.kind == "approval.requested" else str(body["approval"])
        node = self.by_key.get(key)
        if event.kind == "approval.requested":
            asked = body["approval"]
            self._expert_node(event)
            label = str(asked.get("preview", {}).get("action", "approval"))
            node = self._add(event, key, 2, label, marks.APPROVAL["pending"])
            node.risk, node.target, node.approval = str(asked.get("risk", "")), event.target, key
        elif event.kind == "approval.edited" and node is not None:
            node.mark = marks.APPROVAL["replaced"]
        elif node is not None and node.mark is not marks.APPROVAL["replaced"]:
            node.mark, node.error = _approval_mark(event), str(body.get("reason") or "")
            if event.kind == "action.finished":
                node.progress = ""
                began, ended = words.when(node.at), words.when(event.at)
                node.evidence = next(iter(body.get("evidence", ())), "")
                node.ms = (
                    (ended - began).total_seconds() * 1000
                    if began and ended and node.ms is not None
                    else None
                )
            elif event.kind == "action.started":
                node.at, node.ms = event.at, 0.0

    def _expert_node(self, event: Event) -> None:
        self._task_node(event)
        if event.agent and f"{event.task}/agent" not in self.by_key:
            self._add(event, f"{event.task}/agent", 1, event.agent, _OK)

    def _add(
        self, event: Event, key: str, depth: int, label: str, mark: Mark, parent: Node | None = None
    ) -> Node:
        if key in self.by_key:
            return self.by_key[key]
        node = Node(key, depth, label, mark, event.task, event.at)
        self.nodes.insert(self._place(node, parent), node)
        self.by_key[key] = node
        if len(self.nodes) > MAX_NODES:
            self._drop_oldest()
        return node

    def _place(self, node: Node, parent: Node | None) -> int:
        """After the last line of its parent, or of its task; almost always the very end."""
        last = self.nodes[-1] if self.nodes else None
        if last is None or node.depth == 0 or (last.task == node.task and parent in (None, last)):
            return len(self.nodes)
        index = len(self.nodes)
        while index and not (self.nodes[index - 1] is parent or self.nodes[index - 1].task == node.task):
            index -= 1
        if parent is not None and parent in self.nodes:
            index = self.nodes.index(parent) + 1
            while index < len(self.nodes) and self.nodes[index].depth > parent.depth:
                index += 1
        return index or len(self.nodes)

    def _drop_oldest(self) -> None:
        gone = self.nodes[: MAX_NODES // 10]
        self.nodes = self.nodes[MAX_NODES // 10 :]
        self.dropped += len(gone)
        for node in gone:
            self.by_key.pop(node.key, None)

    # showing

    def fold(self, key: str) -> None:
        """Fold the task of a line, or unfold it."""
        node = self.by_key.get(key)
        if node is not None:
            self.folded ^= {node.task}

    def visible(self, needle: str = "") -> list[Node]:
        """The lines to show: those that match with the lines above them, without what is folded."""
        if needle:
            return self._matching(needle)
        if not self.folded:
            return self.nodes
        return [node for node in self.nodes if node.depth == 0 or node.task not in self.folded]

    def _matching(self, needle: str) -> list[Node]:
        kept: list[Node] = []
        above: list[Node] = []
        for node in self.nodes:
            above = [item for item in above if item.depth < node.depth]
            if matches(f"{node.label} {node.risk} {node.target} {node.mark.word} {node.error}", needle):
                kept.extend(item for item in above if item not in kept[-8:])
                kept.append(node)
            above.append(node)
        return kept

    def rows(self, needle: str = "") -> Sequence[Row]:
        """Rows for a list of COLUMNS."""
        nodes = self.visible(needle)
        return LazyRows(len(nodes), lambda index: _row(nodes, index, self.folded))


def _approval_mark(event: Event) -> Mark:
    body = event.body
    match event.kind:
        case "approval.decided":
            return marks.APPROVAL["approved" if body.get("decision") == "approve" else "denied"]
        case "action.started":
            return marks.APPROVAL["started"]
        case "action.refused":
            return marks.APPROVAL["refused"]
        case _:
            return marks.APPROVAL["done" if body.get("ok") else "failed"]


def _row(nodes: Sequence[Node], index: int, folded: set[str]) -> Row:
    node = nodes[index]
    fold = "▸ " if node.depth == 0 and node.task in folded else ""
    word = "" if node.mark in (_OK, _RUNNING) else f"{node.mark.word} · "
    label = f"{_guides(nodes, index)}{fold}{node.mark.glyph} {word}{node.label}"
    if said := node.error or node.progress:
        label += f": {said}"
    tone = node.mark.tone if node.mark.tone in {"bad", "warn", "accent"} else "" if node.depth else "strong"
    mark = marks.risk(node.risk) if node.risk else None
    risk = mark.span() if mark else Span("")
    glyph = Span(mark.glyph, mark.tone) if mark else Span("")
    rows = Span("" if node.rows is None else f"{node.rows:,}", "dim")
    time = Span(words.milliseconds(node.ms) or (words.clock(node.at) if not node.depth else ""), "dim")
    return Row(node.key, (Span(label, tone), risk, Span(node.target, "dim"), glyph, time, rows))


def _guides(nodes: Sequence[Node], index: int) -> str:
    """The lines that join a node to its parents, found by looking at what comes after it."""
    depth = nodes[index].depth
    open_levels: set[int] = set()
    lowest = depth + 1
    for later in nodes[index + 1 : index + 200]:
        if later.depth < lowest:
            open_levels.add(later.depth)
            lowest = later.depth
        if lowest == 0:
            break
    stems = "".join("│ " if level in open_levels else "  " for level in range(1, depth))
    return stems + (("├ " if depth in open_levels else "└ ") if depth else "")
