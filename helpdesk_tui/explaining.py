"""What the policy says, for what is on the screen: a card, a call of the trace, a target, a remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from helpdesk_tui.paper import Block
from helpdesk_tui.session import Feed
from helpdesk_tui.views import Views


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is still to be made, which may read files."""

    title: str
    make: Callable[[], list[Block]]


class Explaining:
    """Makes pages about the policy; the files are read when a page is made, in a thread."""

    def __init__(self, views: Views, feed: Feed) -> None:
        self._views = views
        self._feed = feed

    def approval(self, approval: str) -> Page | None:
        """Why this approval is needed; None where the session knows none of this id."""
        ask = self._views.approvals.asks.get(approval)
        if ask is None:
            return None
        from helpdesk_tui.policy_text import about_approval

        make = partial(about_approval, ask.approval, unlocked=self._unlocked(ask.target))
        return Page("Policy: why this needs an approval", make)

    def call(self, call: Mapping[str, Any], target: str) -> Page:
        """What holds for a call on a target: `tool`, `risk`, and the `reason` where it was refused."""
        from helpdesk_tui.policy_text import about_call

        make = partial(
            about_call, dict(call), self._described(target), self._feed.operator, self._feed.purpose,
            unlocked=self._unlocked(target),
        )  # fmt: skip
        return Page(f"Policy: {call.get('tool')} on {target}", make)

    def target(self, target: str) -> Page:
        """What holds for each class of calls on a target."""
        from helpdesk_tui.policy_text import about_target

        make = partial(
            about_target, self._described(target), self._feed.operator, self._feed.purpose,
            unlocked=self._unlocked(target),
        )  # fmt: skip
        return Page(f"Policy: calls on {target}", make)

    def policy(self) -> Page:
        """What is in force at all."""
        from helpdesk_tui.policy_check import about_policy

        return Page("Policy: what is in force", about_policy)

    async def locks(self) -> bool:
        """Whether targets are read-only until they are unlocked; read in a thread."""
        from agents.governance.policy_file import policy_path, safely_loaded

        return (await asyncio.to_thread(safely_loaded, policy_path())).lock

    def _described(self, target: str) -> Mapping[str, Any]:
        return self._views.inventory.targets.get(target) or {"name": target}

    def _unlocked(self, target: str) -> bool:
        return target in self._views.approvals.unlocked
