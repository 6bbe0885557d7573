"""What the prompt stands for right now: what Enter answers, what the number keys choose, and the line that says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from helpdesk_tui.messages import AgentChosen, AskedAgain, RemedyChosen, ReplyGiven, Wish
from helpdesk_tui.panes.chat.concluded import RemedyChoice
from helpdesk_tui.paper import Line, Span
from helpdesk_tui.pending import AgentQuestion, Kept, PendingState, Undecided

ASK = "Ask about this database"
MOST = 9


@dataclass(frozen=True)
class Offer:
    """Number keys 1 to n are `wishes`; `line` is empty where nothing is asked of the operator."""

    about: str = ""
    """What it is about; a change of it makes the number keys wait a moment. Empty for remedies and nothing."""
    wishes: tuple[Callable[[], Wish], ...] = ()
    """Made when the key is pressed: a message belongs to whoever made it."""
    placeholder: str = ASK
    line: Line = ()


def offer_of(pending: PendingState, remedies: Sequence[RemedyChoice], answering: str, working: bool) -> Offer:
    """The offer, where `answering` is the task that the prompt answers; Esc belongs to a task that works."""
    leave = "" if working else " · Esc lets go of it"
    if question := pending.questions.get(answering):
        return _answer(question)
    match pending.offer:
        case Undecided() as waits:
            named = "  ".join(f"{number} {name}" for number, name in enumerate(waits.candidates[:MOST], 1))
            line: Line = (Span("? which agent: ", "warn strong"), Span(named), Span(leave, "dim"))
            wishes = tuple(partial(AgentChosen, name) for name in waits.candidates[:MOST])
            return Offer(waits.asked.id, wishes, "Ask something else, or press a number for the agent", line)
        case Kept() as kept:
            line = (Span(f"◆ kept for {kept.agent} ", "warn strong"), Span(f"1 asks it again{leave}", "dim"))
            return Offer(
                kept.asked.id, (partial(AskedAgain, kept.asked.id),), f"{ASK}, or press 1 to ask again", line
            )
        case AgentQuestion() as waits:
            line = (
                Span(f"◆ {waits.agent} waits for credentials ", "warn strong"),
                Span("1 looks again", "dim"),
            )
            return Offer(
                waits.task, (partial(AskedAgain, waits.task),), f"{ASK}, or press 1 to look again", line
            )
    return _calm(pending, remedies, leave)


def _answer(question: AgentQuestion) -> Offer:
    wishes = tuple(partial(ReplyGiven, question.task, choice) for choice in question.choices[:MOST])
    words = " ".join(question.text.split())
    keys = "" if not wishes else f", or press {_keys(len(wishes))}"
    line = (
        Span(f"◆ to {question.agent} ", "warn strong"),
        Span(words),
        Span(" · Esc asks something else", "dim"),
    )
    return Offer(f"{question.task} {question.place}", wishes, f"Answer {question.agent}{keys}", line)


def _calm(pending: PendingState, remedies: Sequence[RemedyChoice], leave: str) -> Offer:
    """Nothing to choose beside remedies; a question that was left, or is kept, is still said."""
    placeholder = f"{ASK}, or press {_keys(len(remedies))} for a remedy" if remedies else ASK
    wishes = tuple(partial(RemedyChosen, number) for number in range(1, len(remedies) + 1))
    line: Line = ()
    if waiting := pending.waiting():
        line = (Span(f"◆ {waiting[0].agent} waits for your answer ", "warn"), Span("^r answers it", "dim"))
    elif kept := [item for item in pending.kept.values() if not item.offered]:
        line = (Span(f"◆ a question is kept for {kept[-1].agent}", "warn"), Span(leave, "dim"))
    return Offer("", wishes, placeholder, line)


def _keys(count: int) -> str:
    return "1" if count == 1 else f"1–{count}"
