"""The chat on the screen: a window over the blocks, the live answer, the prompt."""

from __future__ import annotations

from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget

from helpdesk_tui import words
from helpdesk_tui.free_sql import HINT, is_sql
from helpdesk_tui.messages import CopyWanted, QuestionAsked, ReplyGiven, RouteTaught, StatementTyped
from helpdesk_tui.pane import Pane
from helpdesk_tui.panes.chat import card, completion, markdown
from helpdesk_tui.panes.chat.offer import offer_of
from helpdesk_tui.panes.chat.prompt import Prompt
from helpdesk_tui.panes.chat.state import ChatBlock, ChatState
from helpdesk_tui.paper import Line, Span, block, clip
from helpdesk_tui.paper_view import LineView, PaperView
from helpdesk_tui.pending import PendingState

WINDOW = 60
"""Blocks that live as widgets; earlier ones come back on scrolling to the top."""
MOST = 240
"""Blocks that may live while the operator reads far back; 400 widgets are the budget of the whole app."""
STEP = 30


class BlockView(PaperView):
    """A block of the chat."""

    def __init__(self, item: ChatBlock) -> None:
        super().__init__(card.paper(item), classes=f"block {card.classes(item)}")
        self.item = item


class Transcript(VerticalScroll, can_focus=False):
    """The blocks; it stays at the end until the operator scrolls back."""

    held = False
    """True while the operator reads further back."""
    pinned: Widget | None = None
    """What is shown from its top, as long as nothing comes after it."""

    def on_mount(self) -> None:
        self.watch(self, "virtual_size", self.follow, init=False)

    def follow(self) -> None:
        """Go to the end, or to the top of what is pinned; not while the operator reads further back."""
        pinned = self.pinned
        if self.held:
            return
        # With the margins above and below it.
        if pinned is not None and pinned.virtual_region.height + 2 > self.size.height:
            self.scroll_to(y=pinned.virtual_region.y, animate=False, immediate=True)
        else:
            self.scroll_end(animate=False, immediate=True)

    def in_sight(self) -> BlockView | None:
        """The last block that begins above the end of what is in sight."""
        end = self.scroll_y + self.size.height
        return next((view for view in reversed(self.query(BlockView)) if view.virtual_region.y < end), None)

    def move(self, by: float) -> None:
        """Scroll by lines, as the operator wants."""
        self.scroll_relative(y=by, animate=False, immediate=True)
        self.held = self.scroll_y < self.max_scroll_y

    def on_mouse_scroll_up(self) -> None:
        self.held = True

    def on_mouse_scroll_down(self) -> None:
        self.held = self.scroll_y < self.max_scroll_y - 2

    def on_resize(self) -> None:
        self.follow()


class ChatPane(Pane):
    """Chat."""

    NAME = "chat"
    TITLE = "Chat"
    KEY = "F2"
    PLACES = ("chat",)

    def __init__(self, state: ChatState, pending: PendingState, flush_s: float) -> None:
        """`flush_s`: shortest time between two paints of streamed text, in seconds."""
        super().__init__()
        self.state = state
        self.pending = pending
        self.answering = ""
        """The task whose question the prompt answers; empty where it asks."""
        self._met = 0
        """Place of the last question of an agent that the prompt was turned to, or that came while something was typed."""
        self.earlier = PaperView(id="earlier")
        self.live = PaperView(id="live")
        self.transcript = Transcript(self.earlier, self.live, id="transcript")
        self.working = LineView(id="working")
        self.waits = LineView(id="waits")
        self.prompt = Prompt()
        self._first = 0
        self._shown = 0
        self._live: dict[str, markdown.Growing] = {}
        """Agent → what it is saying right now; the last to say something is shown."""
        self._flush_s = flush_s
        self._flush_waits = False

    def compose(self) -> ComposeResult:
        yield from (self.transcript, self.working, self.waits, self.prompt)

    def on_mount(self) -> None:
        super().on_mount()
        for hidden in (self.earlier, self.live, self.working, self.waits):
            hidden.display = False

    def home(self) -> Widget:
        return self.prompt

    # what events changed

    def sync(self, now: datetime) -> None:
        """Show the blocks that are new; what is there already never changes."""
        blocks = self.state.blocks
        if self._shown == 0 and len(blocks) > WINDOW:
            self._first = self._shown = len(blocks) - WINDOW
        new = blocks[self._shown :]
        if new:
            self.transcript.held = self.transcript.held and all(item.kind != "question" for item in new)
            for item in new:
                if item.kind in {"answer", "conclusion", "reasoned", "asks"}:
                    self._end_live(item.who)
            views = [BlockView(item) for item in new]
            # A conclusion is read from its top: the root cause is what must be seen first.
            self.transcript.pinned = views[-1] if new[-1].kind in {"conclusion", "reasoned"} else None
            self.transcript.mount_all(views, before=self.live)
            self._shown = len(blocks)
            self._trim()
        self.prompt.recall = self.state.history
        self._turn_to_questions()
        self._say_what_runs(now)
        self._offer()

    def _trim(self) -> None:
        """Take the oldest widgets away while the end is in sight; further back, only beyond the budget."""
        most = MOST if self.transcript.held else WINDOW
        excess = self._shown - self._first - most
        if excess > 0:
            views = list(self.transcript.query(".block"))[:excess]
            self._first += len(views)
            self.app.call_later(self.transcript.remove_children, views)
        self._say_earlier()

    def _say_earlier(self) -> None:
        self.earlier.display = self._first > 0
        if self._first:
            self.earlier.show(
                [
                    block(
                        Span(
                            f"… {words.count(self._first, 'earlier entry', 'earlier entries')}: PgUp at the top",
                            "dim",
                        )
                    )
                ]
            )

    def _load_earlier(self) -> None:
        start = max(self._first - STEP, 0)
        older = self.state.blocks[start : self._first]
        if older and self._shown - self._first + len(older) <= MOST:
            self.transcript.mount_all([BlockView(item) for item in older], after=self.earlier)
            self._first = start
            self._say_earlier()

    # the answer that is being written

    def stream(self, agent: str, text: str) -> None:
        """Take in a piece of an answer; it is painted with what else comes in the next moment."""
        growing = self._live.pop(agent, None) or markdown.Growing()
        growing.add(text)
        self._live[agent] = growing
        if not self._flush_waits:
            self._flush_waits = True
            self.set_timer(self._flush_s, self._flush_live)

    def _flush_live(self) -> None:
        self._flush_waits = False
        # What is being said is read at its end.
        self.transcript.pinned = None
        self._show_live()

    def _show_live(self) -> None:
        self.live.display = bool(self._live)
        if self._live:
            self.live.show(self._live[next(reversed(self._live))].blocks())

    def _end_live(self, agent: str) -> None:
        self._live.pop(agent, None)
        self._show_live()

    # what runs

    @property
    def busy(self) -> bool:
        """Whether a task runs, or a question has not become one yet."""
        return self.state.working or bool(self.pending.sent)

    def _say_what_runs(self, now: datetime) -> None:
        self.working.display = self.busy
        if self.state.working:
            passed = words.seconds(words.since(self.state.since, now)) or "0 s"
            self.working.show((Span("› working ", "accent"), Span(f"{passed} · Esc cancels", "dim")))
        elif self.busy:
            agents = ", ".join(self.pending.sent)
            self.working.show((Span(f"› asking {agents} ", "accent"), Span("· Esc waits no more", "dim")))
        else:
            self._live.clear()
            self.live.display = False

    def tick(self, now: datetime) -> None:
        """Once a second while a task runs."""
        if self.busy:
            self._say_what_runs(now)

    # what waits for the operator

    def _turn_to_questions(self) -> None:
        """Turn the prompt to a new question of an agent, unless something is typed in it already."""
        waiting = self.pending.waiting()
        if self.answering not in {question.task for question in waiting}:
            self.answering = ""
        newest = waiting[0] if waiting else None
        if newest is not None and newest.place > self._met:
            self._met = newest.place
            if not self.answering and not self.prompt.text:
                self.answering = newest.task

    def _offer(self) -> None:
        offer = offer_of(self.pending, self.state.remedies, self.answering, self.busy)
        self.prompt.offer(offer)
        line: Line = offer.line
        typing_sql = is_sql(self.prompt.text)
        self.prompt.set_class(typing_sql, "-sql")
        if typing_sql:
            line = (Span("SQL ", "warn strong"), Span(HINT), Span(""))
        elif self.prompt.matching:
            names = "  ".join(f"@{name}" for name in self.prompt.matching)
            line = (Span("Tab ", "accent strong"), Span(names, "dim"))
        self.waits.display = bool(line)
        self.waits.show(_fitted(line, self.size.width - 4))

    def leave(self) -> bool:
        """Leave the agent's question waiting, and ask again; False where the prompt asks already."""
        left, self.answering = self.answering, ""
        self._offer()
        return bool(left)

    @on(Prompt.Changed)
    def _typed(self) -> None:
        self._offer()

    @on(Prompt.AnswerWanted)
    def _answer(self) -> None:
        """Turn to the next question that waits, from question to question."""
        waiting = [question.task for question in self.pending.waiting()]
        if waiting:
            here = waiting.index(self.answering) if self.answering in waiting else -1
            self.answering = waiting[(here + 1) % len(waiting)]
            self._offer()

    @on(Prompt.Sent)
    def _sent(self, event: Prompt.Sent) -> None:
        agent = completion.taught(event.text)
        if self.answering:
            self.post_message(ReplyGiven(self.answering, event.text))
            self.answering = ""
        elif is_sql(event.text):
            self.post_message(StatementTyped(event.text, refused=self.prompt.give_back))
        elif agent is None and (word := completion.mistyped(event.text)):
            self.notify(
                f"there is no {word}; known: /sql STATEMENT, /route AGENT; F1 shows the keys", markup=False
            )
            self.prompt.give_back(event.text)
        elif agent is None:
            self.post_message(QuestionAsked(event.text, refused=self.prompt.give_back))
        elif agent:
            self.post_message(RouteTaught(agent))
        else:
            self.notify(f"/route needs the agent: {', '.join(self.prompt.agents)}", markup=False)

    # keys

    @on(Prompt.ScrollWanted)
    def _scroll(self, event: Prompt.ScrollWanted) -> None:
        if event.by < 0 and self.transcript.scroll_y <= 0:
            self._load_earlier()
        self.transcript.move(event.by * max(self.transcript.size.height - 2, 1))

    @on(Prompt.WholeAsked)
    def _whole(self) -> None:
        view = self.transcript.in_sight()
        if view is not None:
            from helpdesk_tui.screens.reading import ReadingScreen

            self.app.push_screen(ReadingScreen("The whole text", [block(card.whole_text(view.item))]))

    @on(Prompt.CopyAsked)
    def _copy(self) -> None:
        said = self.state.said or "".join(growing.text for growing in self._live.values())
        if said:
            self.post_message(CopyWanted(said, "the last answer"))


def _fitted(line: Line, width: int) -> Line:
    """The line in one row: the words in the middle give way, what comes first and last stays."""
    if len(line) < 2:
        return line
    first, *middle, last = line
    room = width - len(first.text) - len(last.text)
    return (first, *(Span(clip(span.text, max(room, 0)), span.tone) for span in middle), last)
