"""After a decision on a change that a model asked for: it is told what became of it, and goes on with the question."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from agents.governance.approval import Decision
from agents.log import EventLog
from agents.protocol.credential import Credential
from inventory.paths import config_dir
from inventory.secrets import in_memory
from tests.conftest import Database
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Received, Reply
from tests.reasoning.conftest import ID, Asker, concluding, query, results, serving, told


@pytest.fixture
def idle(database18: Database) -> Iterator[int]:
    """The pid of a session that a model may want to end."""
    role = f"app_{secrets.token_hex(4)}"
    query(database18, f"CREATE ROLE {role} LOGIN")
    with psycopg.connect(database18.conninfo(user=role)) as connection:
        connection.execute("SELECT 1")
        yield connection.info.backend_pid
        connection.close()
    query(database18, f"DROP ROLE {role}")


def ending(database: Database, pid: int) -> Call:
    [(started,)] = query(
        database,
        "SELECT to_json(backend_start AT TIME ZONE 'UTC')#>>'{}' || 'Z' FROM pg_stat_activity WHERE pid = %s",
        pid,
    )
    return Call("terminate_session", {"pid": pid, "backend_start": started})


def alive(database: Database, pid: int) -> bool:
    return bool(query(database, "SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid))


async def test_a_yes_is_told_and_the_model_concludes_from_what_was_read_to_verify(
    asker: Asker, double: ModelEndpoint, database18: Database, idle: int, log: EventLog
) -> None:
    def conclude(received: Received) -> Reply:
        [outcome] = [one for one in results(received) if one.startswith("<outcome>")]
        answer = f"I terminated session {idle}."
        return Reply(calls=(concluding(answer=answer, evidence=ID.findall(outcome)),))

    double.script(Reply(text=("It must end.",), calls=(ending(database18, idle),)), conclude)
    asked = await asker.ask("end it")
    assert asked.state == "input-required" and alive(database18, idle)
    async with serving(log) as elsewhere:
        decision = Decision(asked.approval.id, "approve", confirmation=str(idle), unlock=True)
        found = await told(elsewhere.answer(asked.approval, decision))
    assert not alive(database18, idle)
    [finished] = found.of("action.finished")
    assert finished["evidence"] and found.concluded["evidence"] == finished["evidence"]
    assert found.concluded["marks"] == [], "what it says was done was done"
    assert found.state == "completed" and double.left == 0
    assert f"asks: {asked.text}" in asked.approval.why["title"]


async def test_a_no_is_told_with_its_reason_and_nothing_is_asked_for_twice(
    asker: Asker, double: ModelEndpoint, database18: Database, idle: int
) -> None:
    reason, word = secrets.token_hex(5), secrets.token_hex(5)
    both = (ending(database18, idle), Call("reload_configuration", {}), Call("uptime", {}))
    double.script(Reply(calls=both), Reply(calls=(concluding(answer=word),)))
    asked = await asker.ask("end it")
    found = await told(
        asker.client.answer(asked.approval, Decision(asked.approval.id, "deny", reason=reason))
    )
    assert alive(database18, idle) and found.state == "completed" and found.concluded["answer"] == word
    first, second, third = results(double.received[1])
    assert reason in first and "Nothing was done" in first
    assert "one change at a time" in second and 'tool="uptime"' in third
    assert not found.of("approval.requested") and not found.of("action.started")


async def test_what_the_model_asks_for_next_is_asked_for_whoever_asked_first(
    asker: Asker, double: ModelEndpoint, database18: Database, idle: int, log: EventLog
) -> None:
    name, token = f"ben-{secrets.token_hex(3)}", secrets.token_hex(16)
    digest = hashlib.sha256(token.encode()).hexdigest()
    (config_dir() / "roles.toml").write_text(
        f'[[members]]\nprincipals = ["*"]\nrole = "admin"\n[callers.{name}]\ntoken_sha256 = "{digest}"\n'
    )
    reading = Reply(calls=(Call("uptime", {}), Call("reload_configuration", {})))
    double.script(Reply(calls=(ending(database18, idle),)), reading)
    asked = await asker.ask("end it")
    mine = asked.approval.asked_by
    async with serving(log, Credential("bearer", in_memory(token))) as ben:
        found = await told(ben.answer(asked.approval, Decision(asked.approval.id, "deny")))
    [decided] = found.of("approval.decided")
    assert decided["by"] == f"operator:{name}" != mine
    assert found.state == "input-required"
    assert found.approval.call.tool == "reload_configuration" and found.approval.asked_by == mine


async def test_a_change_that_a_rule_lets_through_is_a_result_of_the_same_turn(
    asker: Asker, double: ModelEndpoint
) -> None:
    (config_dir() / "policy.toml").write_text(
        "lock = false\n[[rules]]\nname = 'all'\neffect = 'allow'\nrisk = ['read', 'write']\n"
    )
    word = secrets.token_hex(5)
    double.script(
        Reply(calls=(Call("reload_configuration", {}),)),
        lambda received: Reply(calls=(concluding(answer=f"{word} {results(received)[0]}"),)),
    )
    found = await asker.ask("reload it")
    assert found.state == "completed" and found.of("action.finished")[0]["ok"]
    assert found.concluded["answer"].startswith(f"{word} <outcome>")
    assert not found.of("task")[-1]["text"] and len(double.received) == 2


async def test_where_no_model_asked_nothing_is_said_of_models(asker: Asker) -> None:
    arguments = {"name": "bgwriter_delay", "value": str(secrets.randbelow(9000) + 210)}
    request = {"kind": "tool", "tool": "set_setting", "arguments": arguments}
    asked = await told(asker.client.ask("database", "set it", request, asker.session, asker.target))
    for _ in ("done", "undone"):
        approval = asked.approval
        word = approval.preview.confirmation
        decision = Decision(approval.id, "approve", confirmation=word, unlock=True)
        found = await told(asker.client.answer(approval, decision))
        assert found.of("action.finished")[0]["ok"] and not found.of("note")
        if not approval.undo_of:
            asked = await told(asker.client.undo(approval))
    assert approval.undo_of and found.state == "completed"
