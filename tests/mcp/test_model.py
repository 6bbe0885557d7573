"""A model gets the tools of MCP servers, and what a server asks goes to the operator."""

from __future__ import annotations

import secrets

from agents.kernel import targets
from inventory.target import Target
from tests.conftest import Database
from tests.mcp.conftest import Peer, at_work, configure
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Received, Reply
from tests.reasoning.conftest import Asker, concluding, results, write_models


async def test_a_model_calls_a_tool_of_a_server_that_asks_the_operator(
    http: Peer, database18: Database
) -> None:
    configure(peer={**http.entry, "tools": {"sample": "read"}})
    table = f"t{secrets.token_hex(4)}"
    target = Target.from_dsn(database18.conninfo(), name=f"shop-{secrets.token_hex(3)}")
    targets.tell(target)

    def conclude(received: Received) -> Reply:
        assert f"12 rows of {table}" in results(received)[0]
        return Reply(calls=(concluding(answer="Twelve."),))

    with ModelEndpoint() as double:
        write_models(double)
        double.script(Reply(calls=(Call("peer__sample", {"table": table}),)), conclude)
        async with at_work() as operator:
            asker = Asker(operator.client, target.name, operator.session)
            asks = await asker.ask("how large is the sample?")
            assert asks.state == "input-required"
            assert f"How many rows of {table}?" in asks.of("task")[-1]["text"]
            answered = await asker.reply(asks.task, "12")
            assert answered.state == "completed" and answered.concluded["answer"] == "Twelve."
        offered = {tool["function"]["name"] for tool in double.received[0].body["tools"]}
    assert {"peer__look", "peer__note", "peer__sample"} <= offered
    (called,) = [one for one in answered.of("tool.called") if one["tool"] == "peer__sample"]
    assert called["target"] == "mcp:peer"
