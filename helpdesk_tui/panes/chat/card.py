"""How a chat block looks on paper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agents.kernel.records import Finding
from helpdesk_tui import marks, words
from helpdesk_tui.panes.chat import asking, markdown, reasoned
from helpdesk_tui.panes.chat.concluded import Conclusion, RemedyChoice
from helpdesk_tui.panes.chat.state import ChatBlock
from helpdesk_tui.paper import BLANK, Block, Span, block

MOST_INFOS = 5
MOST_RULED_OUT = 4
MOST_REASONS = 3
"""Reasons for what was not checked; the conclusion's text holds them all."""


def paper(item: ChatBlock) -> list[Block]:
    """The paper of a block."""
    match item.kind:
        case "question":
            return [Block((Span(item.text, "strong"),), "❯ ", "  ", margin="accent")]
        case "answer":
            return markdown.blocks(item.text)
        case "conclusion" if item.conclusion:
            return list(_conclusion(item.conclusion))
        case "reasoned" if item.reasoned is not None:
            return list(reasoned.paper(item.reasoned))
        case "undecided":
            return list(asking.undecided(item))
        case "asks":
            return list(asking.asks(item))
        case _:
            return [Block((Span(item.text, item.tone or "dim"),), "", "  ")]


def whole_text(item: ChatBlock) -> str:
    """All words of a block, as they came: nothing of a table or a line of code is cut."""
    if item.conclusion is not None:
        return item.conclusion.text
    if item.reasoned is not None:
        return str(item.reasoned.get("text", ""))
    return "\n".join((item.text, *item.choices))


def classes(item: ChatBlock) -> str:
    """Style classes of a block: its kind, and for a conclusion the worst severity."""
    if item.conclusion is None:
        return f"-{item.kind}"
    worst = item.conclusion.roots[0].severity if item.conclusion.roots else "calm"
    return f"-conclusion -{worst}"


def _conclusion(made: Conclusion) -> Iterator[Block]:
    if not made.roots:
        unsure = " in what could be checked" if made.not_checked else ""
        yield block(Span(f"✓ nothing at warning or above{unsure}", "good strong"))
    numbers = iter(range(1, 10))
    for place, root in enumerate(made.roots):
        if place:
            yield BLANK
        yield from _root(root, made.follows.get(root.id, ()))
        for choice in made.remedies:
            if choice.finding == root.id:
                yield from _remedy(next(numbers), choice)
    yield from _infos(made.infos)
    yield from _foot(made)


def _root(root: Finding, follows: tuple[Finding, ...]) -> Iterator[Block]:
    mark = marks.severity(root.severity)
    word = "root cause" if follows else root.condition
    yield block(Span(f"{mark.glyph} {mark.word.upper()}", f"{mark.tone} strong"), Span(f"  {word}", "dim"))
    yield block(Span(root.title, "strong"))
    if root.summary and root.summary != root.title:
        yield block(root.summary)
    yield block(Span("evidence " + " ".join(root.evidence), "dim"), first="  ")
    for number, finding in enumerate(follows):
        last = number == len(follows) - 1
        own = marks.severity(finding.severity)
        yield Block(
            (own.span(), Span(f"  {finding.title}"), Span("  " + " ".join(finding.evidence), "dim")),
            "  └ " if last else "  ├ ",
            "    " if last else "  │ ",
        )
    if root.ruled_out:
        reasons = "; ".join(str(item["why"]) for item in root.ruled_out[:MOST_RULED_OUT])
        more = len(root.ruled_out) - MOST_RULED_OUT
        rest = f"; and {more} more" if more > 0 else ""
        yield Block((Span(f"ruled out: {reasons}{rest}", "dim"),), "  ", "    ")


def _remedy(number: int, choice: RemedyChoice) -> Iterator[Block]:
    mark = marks.risk(choice.risk)
    key = (Span(f" {number} ", "key"), Span(" "), mark.span(), Span(f"  {choice.why}"))
    yield Block(key, "  ", "      ")
    yield block(Span(f"{choice.tool} {arguments(choice.arguments)}", "code"), first="      ")
    if choice.undo:
        undo = choice.undo if choice.undo.startswith("not ") else f"undo: {choice.undo}"
        yield block(Span(undo, "dim"), first="      ")


def _infos(infos: tuple[Finding, ...]) -> Iterator[Block]:
    if infos:
        yield BLANK
    for finding in infos[:MOST_INFOS]:
        yield block(marks.SEVERITY["info"].span(), f"  {finding.title}")
    if len(infos) > MOST_INFOS:
        yield block(Span(f"and {len(infos) - MOST_INFOS} more", "dim"), first="  ")


def _foot(made: Conclusion) -> Iterator[Block]:
    yield BLANK
    parts = []
    if made.remedies:
        keys = "1" if len(made.remedies) == 1 else f"1–{len(made.remedies)}"
        parts.append(f"{keys} asks for a remedy")
    if made.evidence:
        parts.append("F6 opens the evidence")
    total = made.timing.get("total_ms")
    if isinstance(total, int | float):
        parts.append(words.milliseconds(total))
    if made.server.get("version"):
        parts.append(f"PostgreSQL {made.server['version']} {made.server.get('role') or ''}".rstrip())
    yield block(Span(" · ".join(parts), "dim"))
    yield from _not_checked(made)


def _not_checked(made: Conclusion) -> Iterator[Block]:
    """One line for each reason, with the conditions that it kept from being judged; the most first."""
    grouped: dict[str, list[str]] = {}
    for item in made.not_checked:
        grouped.setdefault(str(item.get("reason", "")), []).append(str(item.get("condition", "")))
    most_first = sorted(grouped.items(), key=lambda item: -len(item[1]))
    for reason, names in most_first[:MOST_REASONS]:
        said = f"{len(names)} not checked, {reason}: {', '.join(names)}"
        yield Block((Span(said, "dim"),), "? ", "  ", wrap=False)
    more = len(grouped) - MOST_REASONS
    if made.not_checked:
        rest = f"and {more} more; " if more > 0 else ""
        yield Block((Span(f"{rest}Ctrl+Y copies all of it, with what would open each", "dim"),), "  ", "  ")


def arguments(values: Any) -> str:
    """Arguments as `pid=3931 backend_start="…"`, a pid first."""
    ordered = sorted(dict(values).items(), key=lambda item: item[0] != "pid")
    return " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in ordered)
