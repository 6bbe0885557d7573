"""A model's answer in the chat: its parts, what in it is not covered, and where it stands to the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from helpdesk_tui import spent
from helpdesk_tui.panes.chat import markdown
from helpdesk_tui.paper import BLANK, Block, Span, block

MOST_MARKS = 8
QUOTES = ("`", '"', "'", "“", "”")
MARKS = {"unsupported": ("?", "warn"), "not executed": ("✗", "bad")}
"""Mark → glyph and tone; the word always stands beside them."""


def paper(body: Mapping[str, Any]) -> Iterator[Block]:
    """The card of a `model.concluded` event."""
    marks = body.get("marks") or ()
    by = body.get("by") or "a model"
    yield block(Span("◇ MODEL", "accent strong"), Span(f"  {by}", "dim"))
    if body.get("root_cause"):
        yield block(Span("root cause  ", "dim"), *spans(body, "root_cause", marks, "strong"))
    if body.get("answer") and body["answer"] != body.get("root_cause"):
        yield from _text(body, "answer", marks)
    if body.get("evidence"):
        yield block(Span("evidence " + " ".join(body["evidence"]), "dim"), first="  ")
    for place, one in enumerate(body.get("ruled_out") or ()):
        told = {"ruled_out": f"{one['what']}: {one['why']}"}
        field = f"ruled_out.{place}"
        own = [{**mark, "field": "ruled_out"} for mark in marks if mark["field"] == field]
        yield block(Span("ruled out  ", "dim"), *spans(told, "ruled_out", own, "dim"), first="  ")
    if body.get("next_step"):
        yield block(Span("next step  ", "dim"), *spans(body, "next_step", marks, ""))
    yield from _beside_rules(body.get("rules") or {})
    yield from _marks(marks)
    if body.get("fault"):
        yield block(Span(f"▲ {body['fault']}", "warn"))
    yield BLANK
    sure = f"confidence {body['confidence']} · " if body.get("confidence") else ""
    yield block(Span(f"{sure}{spent.all_of(body.get('spent') or {})}", "dim"))


def spans(body: Mapping[str, Any], field: str, marks: Sequence[Mapping[str, Any]], tone: str) -> list[Span]:
    """A text with a word behind each part that is marked."""
    text, done, made = str(body.get(field, "")), 0, []
    for mark in sorted((one for one in marks if one["field"] == field), key=lambda one: one["start"]):
        glyph, colour = MARKS.get(mark["mark"], ("?", "warn"))
        start, end = max(mark["start"], done), mark["end"]
        # With the quotes of code or of a name: the word does not stand inside them, nor a line break.
        if text[end : end + 1] in QUOTES:
            end += 1
            start -= text[start - 1 : start] in QUOTES and start > done
        made += [Span(text[done:start], tone), Span(text[start:end], f"{colour} strong")]
        made.append(Span(f" [{glyph} {mark['mark']}]", colour))
        done = end
    return [*made, Span(text[done:], tone)]


def _text(body: Mapping[str, Any], field: str, marks: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """Plain paragraphs where something is marked, so that places are exact; else as Markdown."""
    if any(one["field"] == field for one in marks):
        yield block(*spans(body, field, marks, ""))
    else:
        yield from markdown.blocks(str(body[field]))


def _beside_rules(rules: Mapping[str, Any]) -> Iterator[Block]:
    titles = "; ".join(one["title"] for one in rules.get("roots") or ())
    if rules.get("agrees") is True:
        yield block(Span("✓ the rules found the same root cause", "good"))
    elif rules.get("agrees") is False:
        said = titles or "nothing at warning or above"
        yield block(Span("▲ the rules see it otherwise  ", "warn strong"), Span(said))


def _marks(marks: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    for word, (glyph, tone) in MARKS.items():
        texts = list(dict.fromkeys(f"“{one['text']}”" for one in marks if one["mark"] == word))
        if texts:
            more = f" and {len(texts) - MOST_MARKS} more" if len(texts) > MOST_MARKS else ""
            why = "no cited evidence holds" if word == "unsupported" else "no action on record shows"
            yield block(Span(f"{glyph} {word}: {why} {', '.join(texts[:MOST_MARKS])}{more}", tone))
