"""Approvals that wait at other systems (auditd and the gateway of aiHelpDesk): asked for, shown as ours, answered.

Such a system is no agent: it has no card and no task, and needs no expert of ours to be running.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType
from typing import TYPE_CHECKING

from agents.governance.approval import Approval, Decision

if TYPE_CHECKING:
    from agents.kernel.event import Event


def is_elsewhere(approval: Approval) -> bool:
    """Whether another system asked for it."""
    return "system" in (approval.why.get("foreign") or {})


async def answer(approval: Approval, decision: Decision) -> AsyncIterator[Event]:
    """Carry a decision to the system that asked; the events that come of it. Raises UserError (exit 3)."""
    # The HTTP library takes a third of a second to load, which a loop that draws a screen does not have.
    deciding = await asyncio.to_thread(_deciding)
    async for event in deciding.answer(approval, decision):
        yield event


def _deciding() -> ModuleType:
    from agents.protocol.approval_systems import deciding

    return deciding
