"""Approvals that wait at another system: in the log like our own, answered there, and honest about a lost line.

The system is a double of a foreign product's service, in an own process, that speaks its real wire format.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from agents.governance import Approval, Decision
from agents.governance.roles import roles_path
from agents.kernel.event import Event
from agents.log import ApprovalRow, EventLog
from agents.protocol.access import socket_owner
from agents.protocol.approval_systems import answer
from agents.protocol.approval_systems.config import RemoteSystem, load_systems, systems_path
from agents.protocol.approval_systems.looking import look
from agents.protocol.errors import AgentLost, AgentRefused
from helpdesk_tui.cli import root
from inventory.errors import UserError
from tests.protocol.peers.starting import HERE, running

ASKED: dict[str, Any] = {
    "action_class": "destructive", "tool_name": "terminate_connection", "agent_name": "postgres_database_agent",
    "resource_type": "database", "resource_name": "orders-prod", "requested_by": "bob@example.com",
    "request_context": {"pid": 4711, "reason": "blocks \x1b[31m17 sessions"}, "policy_name": "production",
}  # fmt: skip


@dataclass(frozen=True)
class There:
    """The system, and what somebody else does with it."""

    base: str
    kind: str

    def create(self, **other: Any) -> str:
        made = httpx.post(
            f"{self.base}/v1/approvals", json={**ASKED, **other}, headers=self.headers("bob@example.com")
        )
        return str(made.json()["approval_id"])

    def decide(self, name: str, verb: str, by: str) -> None:
        body = {f"{'approved' if verb == 'approve' else 'denied'}_by": by, "reason": "on the phone"}
        httpx.post(
            f"{self.base}/v1/approvals/{name}/{verb}", json=body, headers=self.headers(by)
        ).raise_for_status()

    def cancel(self, name: str) -> None:
        url = f"{self.base}/v1/approvals/{name}/cancel"
        httpx.post(
            url, json={"cancelled_by": "system"}, headers=self.headers("bob@example.com")
        ).raise_for_status()

    def stored(self, name: str) -> dict[str, Any]:
        prefix = "/api/v1/governance/approvals" if self.kind == "gateway" else "/v1/approvals"
        listed = httpx.get(f"{self.base}{prefix}", headers=self.headers("bob@example.com")).json()
        return next(dict(item) for item in listed if item["approval_id"] == name)

    def headers(self, user: str) -> dict[str, str]:
        return {"X-User": user}


@contextmanager
def system(kind: str = "auditd", **setup: Any) -> Iterator[There]:
    users = {"alice@example.com": ["dba"], "bob@example.com": ["dba"], "eve@example.com": []}
    given = json.dumps({"users": users, "key": "", "gateway": kind == "gateway", **setup})
    with running([sys.executable, str(HERE / "auditd_double.py"), given]) as peer:
        there = There(peer.base, kind)
        write(there)
        yield there


def write(
    there: There, as_user: str = "alice@example.com", name: str = "prod-auditd", more: str = ""
) -> RemoteSystem:
    path = systems_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[systems.{name}]\nurl = "{there.base}"\nkind = "{there.kind}"\nas = "{as_user}"\n{more}'
    )
    return load_systems()[0][name]


@pytest.fixture
def log() -> Iterator[EventLog]:
    with EventLog.open() as opened:
        yield opened


def waiting(log: EventLog, session: str = "s1") -> list[ApprovalRow]:
    return [row for row in log.approvals(pending_only=True) if row.session == session]


async def decide(row: ApprovalRow, verb: str = "approve", **changes: Any) -> list[Event]:
    approval = Approval.from_json(row.approval)
    decision = Decision(row.id, verb, confirmation=approval.preview.confirmation, reason="seen")  # type: ignore[arg-type]
    return [event async for event in answer(approval, replace(decision, **changes))]


@pytest.mark.parametrize("kind", ["auditd", "gateway"])
async def test_a_request_is_shown_decided_and_told(log: EventLog, kind: str) -> None:
    with system(kind) as there:
        name = there.create()
        prod = load_systems()[0]["prod-auditd"]
        assert await once(prod, log) == 1
        assert await once(prod, log) == 0, "the same request is told once"
        (row,) = waiting(log)
        approval = Approval.from_json(row.approval)
        assert (row.agent, row.target, approval.risk) == ("prod-auditd", "orders-prod", "destructive")
        assert approval.asked_by == "prod-auditd:bob@example.com"
        assert approval.call.arguments["pid"] == 4711
        assert approval.preview.confirmation == "terminate_connection"
        assert "terminate_connection on orders-prod" in approval.preview.action
        # Nothing passes without what the card asks to be typed.
        (note,) = await decide(row, confirmation="")
        assert "needs the confirmation 'terminate_connection'" in note.body["text"]
        assert there.stored(name)["status"] == "pending"
        events = await decide(row)
        assert [event.kind for event in events] == ["approval.given", "approval.decided"]
        log.append(*events)
        stored = there.stored(name)
        assert (stored["status"], stored["resolved_by"]) == ("approved", "alice@example.com")
        assert stored["resolution_reason"] == "seen"
        done = log.approval(row.id)
        assert done
        assert (done.state, done.decision and done.decision["by"]) == ("approved", socket_owner())
        assert await once(prod, log) == 0


async def test_what_became_of_it_there_is_told(log: EventLog) -> None:
    with system() as there:
        names = [there.create() for _ in range(4)]
        prod = load_systems()[0]["prod-auditd"]
        assert await once(prod, log) == 4
        rows = {row.approval["why"]["foreign"]["id"]: row for row in waiting(log)}
        there.decide(names[0], "approve", "alice@example.com")
        there.decide(names[1], "deny", "alice@example.com")
        there.cancel(names[2])
        # Decided meanwhile: the decision is not sent, and the card says who was first.
        (told,) = await decide(rows[names[1]])
        assert told.body["by"] == "prod-auditd:alice@example.com"
        assert told.body["decision"] == "deny"
        assert await once(prod, log) == 3
        states = {there_id: log.approval(row.id) for there_id, row in rows.items()}
        expected = dict(zip(names, ("approved", "denied", "refused", "pending"), strict=True))
        assert {there_id: found.state for there_id, found in states.items() if found} == expected
        cancelled = log.approval(rows[names[2]].id)
        assert cancelled and cancelled.outcome and "cancelled there by" in cancelled.outcome["reason"]


async def test_it_has_the_last_word_on_who_may(log: EventLog) -> None:
    with system() as there:
        name = there.create()
        assert await once(write(there, "bob@example.com"), log) == 1
        (row,) = waiting(log)
        given, note = await decide(row)
        assert given.kind == "approval.given"
        assert "four-eyes constraint" in note.body["text"]
        write(there, "eve@example.com")
        assert "requires role dba" in (await decide(row))[-1].body["text"]
        assert there.stored(name)["status"] == "pending"
        # And so have the roles of this house.
        roles_path().write_text('[[members]]\nprincipals = ["operator:*"]\nrole = "viewer"\n')
        (note,) = await decide(row)
        assert "may not approve" in note.body["text"]
        with pytest.raises(AgentRefused, match="401"):
            await once(write(there, "nobody@example.com"), log)


async def test_a_bearer_key_by_reference(log: EventLog, tmp_path: Path) -> None:
    key = secrets.token_hex(16)
    (tmp_path / "key").write_text(key)
    (tmp_path / "key").chmod(0o600)
    with system(key=key, users={"service": ["dba"], "bob@example.com": []}) as there:
        there.create()
        entry = write(there, "", more=f'bearer = {{ file = "{tmp_path / "key"}" }}\n')
        assert await once(entry, log) == 1
        await decide(waiting(log)[0])
        assert there.stored("apr_00000001")["resolved_by"] == "service"
    text = log.path.read_bytes()
    assert key.encode() not in text
    with pytest.raises(AgentLost):
        await once(entry, log)
    with pytest.raises(AgentLost):
        await decide(waiting(log)[0])


def test_the_file_is_refused_with_its_place() -> None:
    path = systems_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    for text, told in (
        ('[systems.x]\nurl = "https://x"\n', "expected one of auditd, gateway"),
        ('[systems.x]\nurl = "https://x"\nkind = "auditd"\nbarer = 1\n', "'barer' is not known"),
        ('[systems.x]\nurl = "https://u:p@x"\nkind = "auditd"\n', "by reference"),
        ('[systems.database]\nurl = "https://x"\nkind = "auditd"\n', "no name for a system"),
        ("systems = 1\n", "no table"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=told) as error:
            load_systems()
        assert str(error.value).startswith(f"{path}:")


def test_on_the_command_line(log: EventLog) -> None:
    def helpdesk(*arguments: str) -> Result:
        return CliRunner(catch_exceptions=False).invoke(root, ["approvals", *arguments])

    with system() as there:
        name = there.create(tool_name="cancel_query", action_class="write")
        listed = json.loads(helpdesk("list", "--pending", "--json").stdout)
        assert [item["agent"] for item in listed] == ["prod-auditd"]
        shown = helpdesk("show", name)
        assert "cancel_query on orders-prod" in shown.stdout
        assert "\x1b" not in shown.stdout
        done = helpdesk("approve", name, "--reason", "go")
        assert (done.exit_code, done.stderr) == (0, "")
        assert f"Approved at prod-auditd by {socket_owner()}." in done.stdout
        assert there.stored(name)["status"] == "approved"
    gone = helpdesk("list", "--pending")
    assert gone.exit_code == 0
    assert len(gone.stderr.splitlines()) == 1
    assert "approvals of prod-auditd cannot be read" in gone.stderr


async def once(entry: RemoteSystem, log: EventLog) -> int:
    """One look, as the workbench's thread does it."""
    import asyncio

    return await asyncio.to_thread(look, entry, log, "s1")
