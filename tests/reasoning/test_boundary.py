"""What leaves the machine: no secret ever, no name or literal where the settings keep them, and all of it on record."""

from __future__ import annotations

import base64
import json
import re
import secrets

import psycopg
import pytest

from agents.kernel.sent import sent_requests
from agents.log import EventLog
from helpdesk_tui.cli import main
from tests.conftest import Database
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Received, Reply
from tests.reasoning.conftest import Asker, concluding, query, results, wire, write_models


async def test_secrets_in_data_and_questions_never_reach_the_wire_and_what_did_is_shown(
    asker: Asker,
    double: ModelEndpoint,
    database18: Database,
    log: EventLog,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planted = [f"{kind}{secrets.token_hex(6)}" for kind in ("Pw1", "Tok", "Key", "Uri")]
    password, token, key, uri = planted
    # A form that the boundary alone knows: what a screen shows is not searched for it.
    wrapped = base64.b64encode(f"host=db1 password={secrets.token_hex(6)} user=app".encode()).decode()
    statement = f"""SELECT 1 /* ALTER ROLE x PASSWORD '{password}', Authorization: Bearer {token},
        {{"api_key": "{key}"}}, postgres://bob:{uri}@db1/x, and {password} again, {wrapped} */"""
    with psycopg.connect(database18.conninfo(), application_name=f"job password={key}") as held:
        held.execute(statement.encode())
        double.script(
            Reply(
                calls=(Call("read", {"name": "sessions"}), Call("session", {"pid": held.info.backend_pid}))
            ),
            Reply(calls=(concluding(answer="Nothing."),)),
        )
        found = await asker.ask(f"is password={password} the trouble? {token}")
    assert found.state == "completed"
    assert "ALTER ROLE" in results(double.received[1])[1], "the statement itself was sent"
    for secret in (password, key, uri, wrapped):
        assert secret not in wire(double)
    assert token not in "".join(results(double.received[1]))

    requests = sent_requests(item.event for item in log.events(asker.session))
    for request, received in zip(requests, double.received, strict=True):
        system, asked, *rest = received.body["messages"]
        assert (request.system, request.turns[0]["asked"]) == (system["content"], asked["content"])
        assert [one["function"]["name"] for one in received.body["tools"]] == [
            one["name"] for one in request.tools
        ]
        told = [one["text"] for turn in request.turns for one in turn.get("results", ())]
        assert told == [one["content"] for one in rest if one["role"] == "tool"]
    assert main(["session", "show", asker.session, "--sent"]) == 0
    shown = capsys.readouterr().out
    assert "request 2 of 2" in shown and "ALTER ROLE" in shown and password not in shown
    assert all(line in shown for line in results(double.received[1])[1].splitlines())


async def test_names_and_literals_stay_here_and_their_placeholders_work_in_calls(
    asker: Asker, double: ModelEndpoint, database18: Database
) -> None:
    write_models(double, "[privacy]\nidentifiers = false\nliterals = false\n")
    table, customer = f"orders_{secrets.token_hex(4)}", f"Mr {secrets.token_hex(4)}"
    query(database18, f"CREATE TABLE {table} (id int PRIMARY KEY, note text)")
    with psycopg.connect(database18.conninfo()) as held:
        held.execute(f"SELECT * FROM {table} WHERE note = '{customer}' AND id = 48151623".encode())

        def describe(received: Received) -> Reply:
            said = json.loads(
                next(line[2:] for line in results(received)[0].splitlines() if "SELECT * FROM" in line)
            )
            text = next(cell for cell in said if isinstance(cell, str) and cell.startswith("SELECT * FROM"))
            name = re.search(r"FROM (name_\w+) WHERE name_\w+ = 'text_\w+' AND id = number_\w+", text)
            assert name, text
            return Reply(
                text=(f"I look at {name[1][:7]}", name[1][7:], "."),
                calls=(Call("table_facts", {"relation": name[1]}),),
            )

        def conclude(received: Received) -> Reply:
            hidden = re.findall(r"name_[0-9a-f]{8}", received.body["messages"][-2]["content"])[0]
            return Reply(calls=(concluding(answer=f"It is {hidden}."),))

        double.script(Reply(calls=(Call("session", {"pid": held.info.backend_pid}),)), describe, conclude)
        found = await asker.ask(f'what of "{table}"?')
    assert found.state == "completed", found.of("task")
    for kept in (table, customer, "48151623", asker.target):
        assert kept not in wire(double)
    assert found.text == f"I look at {table}."
    [read] = [one for one in found.of("tool.called") if one["tool"] == "table_facts"]
    assert read["arguments"] == {"relation": table}
    assert found.concluded["answer"] == f"It is {table}."
