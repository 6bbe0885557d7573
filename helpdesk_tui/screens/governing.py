"""What of governance opens over the workbench: decisions, purpose, the lock, the undo, pages about the policy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from helpdesk_tui.messages import CallPolicyWanted, PolicyWanted, TargetPolicyWanted

if TYPE_CHECKING:
    from helpdesk_tui.bench import Bench


def show_decisions(bench: Bench) -> None:
    """All approvals and grants of the session."""
    bench.action_pane("approvals")
    bench.workspace.approvals.show_all()


def say_purpose(bench: Bench) -> None:
    """Ask what the session is for."""
    from helpdesk_tui.screens.purpose import purpose_form

    shown = bench.views.target
    bench.push_screen(purpose_form(shown.purpose, shown.note, bench.post_message))


def lock_or_unlock(bench: Bench) -> None:
    """Lock the target that is shown, or unlock it."""
    from helpdesk_tui.screens import unlocking

    shown = bench.views.target
    unlocking.lock_or_unlock(bench, shown.target, unlocked=shown.name in shown.unlocked)


def undo_last(bench: Bench) -> None:
    """Ask for the undo of the action that was done last."""
    done = bench.views.approvals.last_done()
    if done is None:
        bench.notify("nothing was done in this session, so there is nothing to undo")
    else:
        bench.workspace.approvals.undo(done)


async def read_policy(bench: Bench, wanted: CallPolicyWanted | TargetPolicyWanted | PolicyWanted) -> None:
    """Open the page about a call, an approval, a target or the policy itself; the files of the house are read in a thread."""
    from helpdesk_tui.screens.reading import ReadingScreen

    tell = bench.explaining
    if isinstance(wanted, PolicyWanted):
        page = tell.policy()
    elif isinstance(wanted, TargetPolicyWanted):
        page = tell.target(wanted.target)
    else:
        page = tell.approval(wanted.approval) or tell.call(wanted.call, wanted.target)
    await bench.push_screen(ReadingScreen(page.title, await asyncio.to_thread(page.make)))
