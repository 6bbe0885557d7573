"""The workbench: five panes under a target bar, all of them views of one session's events."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from textual import on

from agents.kernel.event import Event
from helpdesk_tui import messages
from helpdesk_tui.anchors import Anchors
from helpdesk_tui.approval_watch import ApprovalWatch
from helpdesk_tui.bench import Bench
from helpdesk_tui.carrying import carry_out
from helpdesk_tui.crash import record_crash
from helpdesk_tui.desk import Desk
from helpdesk_tui.free_sql import rows_of
from helpdesk_tui.options import Options
from helpdesk_tui.pane import FilterInput
from helpdesk_tui.panes.inventory.watch import PulseWatch
from helpdesk_tui.reminders import Reminders
from helpdesk_tui.screens import governing
from inventory.errors import NOT_COMPLETED, UserError

if TYPE_CHECKING:
    from agents.protocol.known import KnownAgent
    from inventory.pulse import Pulse
    from inventory.target import Target


class Workbench(Bench):
    """The life of a session and the way of events to the panes; what the operator wants done is the desk's."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.desk = Desk(
            self.feed,
            self.views,
            options.experts or (),
            thresholds=options.settings.thresholds,
            model=options.model,
            token=options.token,
            on_text=self.workspace.chat.stream,
            on_look=self._agent_looked_at,
            on_trouble=self.trouble,
        )
        self.pulse = PulseWatch(
            lambda: self.desk.targets, self.workspace.inventory_in_sight, self._pulse_read
        )
        self.reminders = Reminders(options.settings, os.environ, self._write_to_terminal)
        self.anchors = Anchors(self.feed, self.trouble)
        self.failure = ""
        """One line to print once the terminal is itself again."""
        self._leaving = False

    # life

    def on_mount(self) -> None:
        self.workspace.go("chat")
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(lambda: self.run_worker(self._live(), name="session"))

    async def _live(self) -> None:
        """After the first paint: open the session, replay it, start the experts, then follow the log."""
        options = self.options
        try:
            events = await self.feed.open(options.session, options.target, fresh=options.fresh)
            await self.desk.know_targets(events, options.target, options.inventory)
        except UserError as error:
            self.failure = str(error)
            self.exit(error.exit_code, return_code=error.exit_code)
            return
        for target in self.desk.targets.values():
            self.views.inventory.know(target.describe())
        self._deliver(events, live=False)
        await self._read_lock()
        self.run_worker(ApprovalWatch(self.feed, self.trouble).run(), name="approval systems")
        self.run_worker(self.anchors.run(), name="anchors")
        if options.experts is not None:
            question = "" if self.feed.resumed else options.first_question
            self.run_worker(self.desk.run(question), name="desk")
            self.run_worker(self.pulse.run(), name="pulse")
        else:
            self.desk.begin()
        await self.feed.follow(self._deliver)

    def _tick(self) -> None:
        now = self.options.clock()
        self.workspace.tick(now)
        self._remind(now)

    def _remind(self, now: datetime, *, quietly: bool = False) -> None:
        self.reminders.tell(self.views.approvals.pending(now), now, quietly=quietly)

    def _write_to_terminal(self, sequence: str) -> None:
        """Write a control sequence of ours past the screen, as the bell is."""
        if not self.is_headless and self._driver is not None:
            self._driver.write(sequence)

    async def action_quit(self) -> None:
        """Leave once the experts have ended; a second time, at once."""
        if self._leaving:
            self.exit(0)
            return
        self._leaving = True
        self.set_timer(1.0, lambda: self.notify("leaving: the experts finish what is under way", timeout=15))
        self.run_worker(self._stop())

    async def _stop(self) -> None:
        await self.desk.stop()
        self.exit(0)

    async def on_unmount(self) -> None:
        self.reminders.close()
        await self.desk.stop()

    def action_help_quit(self) -> None:
        self.notify("Ctrl+Q leaves; the session stays")

    def _handle_exception(self, error: Exception) -> None:
        """A crash leaves one line on the terminal and a traceback without local variables in a file."""
        self._return_code = NOT_COMPLETED
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.failure = self.failure or record_crash(error)
        self._close_messages_no_wait()

    # events to panes

    def _deliver(self, events: Sequence[Event], live: bool = True) -> None:
        self.views.feed(events)
        now = self.options.clock()
        self.workspace.sync(now)
        self._remind(now, quietly=not live)
        if not live:
            return
        kinds = {event.kind for event in events}
        if rows := rows_of(events):
            self.post_message(messages.EvidenceWanted(rows))
        if "policy.changed" in kinds:
            self.run_worker(self._read_lock())
        if "approval.requested" in kinds:
            self._call_for_approval()
        elif kinds & {"action.finished", "action.refused", "approval.decided"} and self.workspace.decided_all(
            now
        ):
            self.workspace.go("chat")

    async def _read_lock(self) -> None:
        """Whether the policy has a lock at all; the bar says so."""
        self.views.target.lock = await self.explaining.locks()
        self.workspace.target_bar.sync()

    def _call_for_approval(self) -> None:
        """Go to the card where nobody is typing; else say that it waits."""
        typing = isinstance(self.focused, FilterInput) or bool(self.workspace.chat.prompt.text)
        if self.uncovered() and not typing:
            self.workspace.go("approvals")
            self.workspace.approvals.options.reset()
        else:
            self.notify("an approval waits for you: F5", severity="warning")

    def _pulse_read(self, name: str, pulse: Pulse) -> None:
        self.views.inventory.read(name, pulse)
        self.views.target.read(name, pulse.version, pulse.role)
        self.views.approvals.read(name, pulse.role)
        self.workspace.target_bar.sync()
        self.workspace.inventory.sync(self.options.clock())

    def _agent_looked_at(self, look: KnownAgent | str) -> None:
        """A look at an agent; the name alone of one that is known no more."""
        if isinstance(look, str):
            self.views.agents.forget(look)
        elif not self.views.agents.read(look):
            return
        self.workspace.sync_agents()

    # keys

    def action_leave(self) -> None:
        """Esc: leave what is open, else cancel what runs."""
        if self.workspace.back():
            return
        if self.workspace.chat.busy:
            self.action_cancel_task()
        elif self.views.pending.offer or self.views.pending.kept:
            self.post_message(messages.OfferDropped())

    def action_cancel_task(self) -> None:
        if self.workspace.chat.busy:
            self.run_worker(self.desk.questions.cancel())

    def action_command_palette(self) -> None:
        from textual.command import CommandPalette

        from helpdesk_tui.palette import WorkbenchCommands

        if self.uncovered():
            self.push_screen(CommandPalette(providers=[WorkbenchCommands], id="--command-palette"))

    def action_undo_last(self) -> None:
        governing.undo_last(self)

    # what the operator wants

    def on_wish(self, wish: messages.Wish) -> None:
        self.run_worker(carry_out(wish, self.desk))

    @on(messages.CallPolicyWanted)
    @on(messages.TargetPolicyWanted)
    @on(messages.PolicyWanted)
    def _policy_wanted(
        self, event: messages.CallPolicyWanted | messages.TargetPolicyWanted | messages.PolicyWanted
    ) -> None:
        self.run_worker(governing.read_policy(self, event))

    @on(messages.PulseWanted)
    def _pulse_wanted(self) -> None:
        self.pulse.now()


def run_workbench(
    session: str | None = None,
    target: Target | None = None,
    *,
    question: str = "",
    options: Options | None = None,
) -> int:
    """Run the workbench on this terminal until the operator leaves; the exit code (0, 2 or 3).

    `session`: open that one; else the last one, of `target` where given, else a new one. `question` is asked
    in a new session. On the way out one line says how to come back, or on standard error why it ended.
    """
    from helpdesk_tui.standard_error import terminal_for_screen
    from inventory.paths import ensure_private, state_dir

    chosen = options or Options()
    chosen.session, chosen.target = session or chosen.session, target or chosen.target
    chosen.first_question = question or chosen.first_question
    app = Workbench(chosen)
    with terminal_for_screen(ensure_private(state_dir()) / "workbench.err"):
        code = app.run(mouse=chosen.settings.mouse)
    for line in app.anchors.last():
        print(f"helpdesk: {line}", file=sys.stderr)
    app.feed.close()
    if app.failure:
        print(f"helpdesk: {app.failure}", file=sys.stderr)
    elif app.feed.session:
        print(f"To come back to this session: helpdesk --session {app.feed.session}")
    return code if code is not None else (app.return_code or 0)
