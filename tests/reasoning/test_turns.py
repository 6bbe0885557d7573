"""A turn with a model: reads through the executor, results sent back, a conclusion on record."""

from __future__ import annotations

import secrets

from agents.log import EventLog
from inventory.paths import config_dir
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Counted, Received, Reply
from tests.reasoning.conftest import ID, Asker, concluding, results


async def test_it_reads_through_the_executor_and_concludes_with_its_evidence(
    asker: Asker, double: ModelEndpoint, log: EventLog
) -> None:
    def conclude(received: Received) -> Reply:
        found = ID.findall(results(received)[0])
        return Reply(calls=(concluding(answer="All is calm.", evidence=found[:1], confidence="high"),))

    broken = Call("session", '{"pid": ')
    wrong = Call("session", {"pid": "x"})
    unknown = Call(f"tool_{secrets.token_hex(3)}", {})
    double.script(
        Reply(
            text=("Let me ", "look."),
            calls=(Call("read", {"name": "connections"}), Call("uptime", {}), broken, wrong, unknown),
            counted=Counted(100, 10),
        ),
        conclude,
    )
    found = await asker.ask("is all well?")
    assert found.state == "completed"
    assert found.text == "Let me look."
    first, second = found.of("model.called")
    own = [one for one in found.of("tool.called") if one["parent"] == first["call"]]
    assert {one["tool"] for one in own} == {"connections", "uptime"}
    answered = results(double.received[1])
    assert answered[0].startswith(f'<evidence id="{found.concluded["evidence"][0]}" tool="connections"')
    assert "no JSON object" in answered[2] and "pid must be integer" in answered[3]
    assert "there is no tool" in answered[4]
    assert [one["tool"] for one in found.of("tool.refused")] == ["session", unknown.name]
    assert found.concluded["answer"] == "All is calm." and found.concluded["marks"] == []
    assert [one["usage"]["input"] for one in found.of("model.returned")] == [100, 10]
    assert found.of("model.returned")[-1]["spent"]["turn"] == {"usd": 0.0, "tokens": 125, "unpriced": 2}
    assert second["sent"]["kept"] == 1 and "tools" not in second["sent"]
    assert found.of("conclusion"), "the rules' own conclusion stands beside it"
    double.script(Reply(calls=(concluding(answer="Still calm."),)))
    await asker.ask("and now?")
    opening = double.received[-1].body["messages"][1]["content"]
    assert "| asked: is all well?\n| answered: All is calm." in opening


async def test_sql_by_hand_is_for_people_unless_the_policy_names_it(
    asker: Asker, double: ModelEndpoint
) -> None:
    def offered(received: Received) -> set[str]:
        return {one["function"]["name"] for one in received.body["tools"]}

    word = secrets.token_hex(6)
    wish = Call("run_sql", {"statement": f"SELECT '{word}' AS word"})
    ending = Reply(calls=(concluding(answer="done"),))
    double.script(Reply(calls=(wish,)), ending)
    found = await asker.ask("try it")
    assert "run_sql" not in offered(double.received[0])
    assert "is for people" in results(double.received[1])[0]
    assert [one["tool"] for one in found.of("tool.refused")] == ["run_sql"]

    reads = '[[rules]]\nname = "reads"\neffect = "allow"\nrisk = ["read"]\n'
    (config_dir() / "policy.toml").write_text(f'{reads}tools = ["run_sql", "*"]\n')
    double.script(Reply(calls=(wish,)), ending)
    found = await asker.ask("try it again")
    assert "run_sql" in offered(double.received[2])
    assert word in results(double.received[3])[-1]
    assert found.state == "completed"
