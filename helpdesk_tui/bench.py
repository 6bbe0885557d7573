"""What stands on the workbench, and what its keys and pages may do to it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import BindingType

from helpdesk_tui import messages, settings, words
from helpdesk_tui.explaining import Explaining
from helpdesk_tui.free_sql import MODE
from helpdesk_tui.keys import bindings
from helpdesk_tui.options import Options
from helpdesk_tui.paper import clip
from helpdesk_tui.rows import fields
from helpdesk_tui.session import Feed
from helpdesk_tui.theme import THEMES
from helpdesk_tui.views import Views
from helpdesk_tui.workspace import ORDER, Workspace
from inventory.errors import UserError
from inventory.masking import inert, mask

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel


NOTICE_CELLS = 400
"""Of a notice in the corner; the page of notices has all of it."""
NOTICES = 100


class Bench(App[int]):
    """The panes, the session behind them, and going about between them; pages and the palette know this alone."""

    TITLE = "helpdesk"
    CSS_PATH: ClassVar = [
        "workbench.tcss",
        "screens/screens.tcss",
        *(f"panes/{name}/{name}.tcss" for name in ORDER),
    ]
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere", "panes")
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (15, "-tall")]
    PAUSE_GC_ON_SCROLL = True

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        self.views = Views()
        self.feed = Feed(options.log, flush_s=options.flush_s, principal=options.principal)
        self.workspace = Workspace(self.views, flush_s=options.flush_s)
        self.workspace.approvals.operator = self.feed.operator
        self.notices: deque[tuple[str, str]] = deque(maxlen=NOTICES)
        """When and what."""
        self.explaining = Explaining(self.views, self.feed)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = options.settings.theme
        if options.remote:
            self.animation_level = "none"

    def compose(self) -> ComposeResult:
        yield self.workspace

    def choose_theme(self, name: str) -> None:
        """Change the colours, and keep the choice."""
        self.theme = name
        self.run_worker(partial(self._keep, {"theme": name}), thread=True)

    def _keep(self, change: Mapping[str, Any]) -> None:
        try:
            settings.keep(change)
        except UserError as error:
            self.call_from_thread(self.trouble, str(error))

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notice; its text is data, never markup. The last ones can be read again, whole."""
        self.notices.append((datetime.now(UTC).isoformat(), message))
        short = clip(message, NOTICE_CELLS)
        super().notify(short, title=inert(title), severity=severity, timeout=timeout, markup=False)

    def trouble(self, text: str) -> None:
        """Say in one line what went wrong; secrets in it are masked."""
        self.notify(mask(text), severity="error", timeout=10)

    def uncovered(self) -> bool:
        """Whether no page or form stands over the panes."""
        return len(self.screen_stack) == 1

    # keys

    def action_pane(self, name: str) -> None:
        """Go to a pane; a screen over the workbench closes first."""
        while not self.uncovered():
            self.pop_screen()
        self.workspace.go(name)

    def action_focus_next(self) -> None:
        self._step(1)

    def action_focus_previous(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        if self.uncovered():
            self.workspace.step(by)

    def action_zoom(self) -> None:
        if self.uncovered():
            self.workspace.zoom()

    def action_help(self) -> None:
        from helpdesk_tui.screens.help import HelpScreen

        if self.uncovered():
            title = self.workspace.panes[self.workspace.active].TITLE
            self.push_screen(HelpScreen(title, self.workspace.places()))

    def action_notices(self) -> None:
        from helpdesk_tui.screens.reading import ReadingScreen

        if self.uncovered():
            told = fields((words.clock(at), text) for at, text in reversed(self.notices))
            self.push_screen(ReadingScreen("Notices, the newest first", told))

    def action_evidence_of_conclusion(self) -> None:
        if self.uncovered():
            self.post_message(messages.EvidenceWanted(list(self.views.chat.evidence)))

    def action_write_question(self) -> None:
        """The question in the operator's own editor; the screen waits meanwhile."""
        from helpdesk_tui.editor import written

        prompt = self.workspace.chat.prompt
        try:
            with self.suspend():
                text = written(prompt.text, os.environ)
        except (UserError, SuspendNotSupported) as error:
            self.trouble(str(error))
        else:
            prompt.text = text
            prompt.move_cursor(prompt.document.end)

    def type_sql(self) -> None:
        """Begin a statement in the prompt."""
        self.workspace.go("chat")
        self.workspace.chat.prompt.begin(f"{MODE} ")

    # what pages want

    @on(messages.EvidenceWanted)
    async def _evidence_wanted(self, event: messages.EvidenceWanted) -> None:
        from helpdesk_tui.screens.evidence import EvidenceScreen

        items = await self.feed.evidence(event.ids) if event.ids else []
        if items:
            await self.push_screen(EvidenceScreen(items, self.feed.whole))
        else:
            self.notify("there is no evidence to show here yet")

    @on(messages.CopyWanted)
    def _copy_wanted(self, event: messages.CopyWanted) -> None:
        from helpdesk_tui.clipboard import copy

        said, severity = copy(event.text, event.what, self.copy_to_clipboard)
        self.notify(said, severity=severity)
