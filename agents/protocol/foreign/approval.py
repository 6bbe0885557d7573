"""Another maker's request for approval as one of ours: with what is known, and no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agents.governance.approval import Approval, binding
from agents.governance.policy import APPROVAL_TTL_S
from agents.kernel.canonical import sha256_of, utc_text
from agents.kernel.tool import Preview, ToolCall, Victim
from agents.protocol.foreign.calls import told_plainly
from agents.protocol.foreign.shapes import Asked
from inventory.masking import inert_line

RULE = "foreign"
TITLE_CHARACTERS = 160


def approval_for(asked: Asked, key: str, agent: str, session: str, task: str, target: str) -> Approval:
    """The request as an approval of unknown risk, which counts as destructive. Its agent acts, nothing of ours."""
    now = datetime.now(UTC)
    tools = " + ".join(call.tool for call in asked.calls)
    one = len(asked.calls) == 1
    arguments = told_plainly(
        asked.calls[0].arguments if one else {call.id: dict(call.arguments) for call in asked.calls}
    )
    call = ToolCall(inert_line(tools), arguments, target or agent)
    where = {"name": target or agent, "agent": agent}
    # What a decision is bound to: this very request in this very task.
    victims = (Victim({"agent": agent, "task": task, "request": key}, {"tool": tools}),)
    title = inert_line(asked.title or f"{agent} wants to call {tools}")[:TITLE_CHARACTERS]
    return Approval(
        id=sha256_of([agent, session, task, key, "approval"])[:26],
        call=call,
        risk="destructive",
        preview=Preview(
            action=title,
            victims=victims,
            effect=(*asked.lines, f"what it hits is known to {agent} alone; nothing of it was checked here"),
            reversible="not reversible, as far as is known",
            alternatives=("deny, and ask the agent what it would change",),
            confirmation=call.tool,
            captured_at=utc_text(now),
        ),
        call_sha256=binding(call, where, victims),
        requester=f"agent:{agent}",
        why={"title": title, "foreign": asked.to_json()},
        policy={
            "rule": f"{RULE}.{asked.shape}",
            "text": f"{agent} asks, and its tools are not ours: unknown risk counts as destructive",
        },
        target=where,
        role="",
        task=task,
        agent=agent,
        session=session,
        created_at=utc_text(now),
        expires_at=utc_text(now + timedelta(seconds=APPROVAL_TTL_S)),
        locked=False,
    )
