"""What a session is for, as the operator's workbench elsewhere tells it with every message."""

from __future__ import annotations

from a2a.types import Message
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from agents.governance.roles import Action
from agents.kernel import targets
from agents.kernel.executor import Executor
from agents.kernel.purpose import purpose_of, say_purpose
from agents.log import EventLog

MAY_SAY: tuple[Action, ...] = ("ask", "approve")
"""Who may do one of these on the target may say what it is for."""


def purpose_with(
    message: Message, log: EventLog, executor: Executor, session: str, target: str, caller: str
) -> tuple[str, str]:
    """The session's purpose and its note, once what came with the message is recorded. Blocks."""
    told = MessageToDict(message.metadata)
    said, where = (
        (str(told.get("purpose") or ""), str(told.get("purpose_note") or "")),
        targets.describe(target),
    )
    if said[0] and any(not executor.refusal(caller, action, where) for action in MAY_SAY):
        say_purpose(log, session, said, caller)
    return purpose_of(log, session)
