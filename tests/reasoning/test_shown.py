"""How a model's part is shown: the events of a real turn as chat, trace and bar; the workbench; the command line."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from agents.protocol.admission import admitted
from helpdesk_tui.app import Workbench
from helpdesk_tui.cli import main
from helpdesk_tui.options import Options
from helpdesk_tui.panes.chat.card import paper
from helpdesk_tui.paper import lay_out, plain
from helpdesk_tui.views import Views
from inventory.registry import Inventory
from inventory.target import Target
from tests.conftest import Database
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Counted, Received, Reply
from tests.reasoning.conftest import ID, Asker, concluding, query, results, write_models
from tests.tui.bench import WIDE, screen_text, until

PRICES = "[prices.small]\ninput = 10\noutput = 30\n"


def chat_text(views: Views) -> str:
    """What the chat shows, however its lines are broken."""
    return " ".join(" ".join(plain(lay_out(paper(item), 100)) for item in views.chat.blocks).split())


async def test_the_card_shows_what_is_not_covered_and_a_disagreement(
    asker: Asker, double: ModelEndpoint, database18: Database
) -> None:
    write_models(double, PRICES)
    query(database18, "CREATE TABLE no_key (id int)")
    lost, rows = f"tab_{secrets.token_hex(4)}", secrets.randbelow(9000) + 1000

    def conclude(received: Received) -> Reply:
        told = f"About {rows} rows of `{lost}` are gone. I restarted the server."
        cited = ID.findall(results(received)[0])[:1]
        parts = {"answer": told, "root_cause": "A ghost.", "evidence": cited, "confidence": "low"}
        return Reply(calls=(concluding(**parts, next_step="Look."),), counted=Counted(1000, 100))

    first = Reply(calls=(Call("read", {"name": "connections"}),), counted=Counted(2000, 0))
    double.script(Reply(status=429, message="slow down", headers={"Retry-After": "0.01"}), first, conclude)
    found = await asker.ask("what is it?", only=["schema"])
    views = Views()
    views.feed(found.events)
    text = chat_text(views)
    assert f"About {rows} [? unsupported] rows of `{lost}` [? unsupported] are gone." in text
    assert f"no cited evidence holds “{rows}”, “{lost}”" in text
    assert "I restarted the server. [✗ not executed]" in text and "root cause A ghost." in text
    assert "▲ the rules see it otherwise " in text
    assert "confidence low · 3.1k tokens, $0.0330; session $0.0330, day $0.0330" in text
    assert "model: local: HTTP 429" in text and "slow down" in text
    lines = [f"{node.depth} {node.mark.glyph} {node.label}" for node in views.trace.nodes]
    assert "2 ✓ model 2.0k tokens · $0.0200 · local: small" in lines
    assert lines[lines.index("2 ✓ model 2.0k tokens · $0.0200 · local: small") + 2] == "3 ✓ connections"
    assert "2 ? model concludes: A ghost." in lines
    assert views.chat.evidence[0] == found.concluded["evidence"][0]
    bar = "".join(span.text for span in views.target.line(140))
    assert "models today" not in bar, "no target is chosen yet"
    views.target.target = {"name": asker.target}
    assert "models today: $0.0330" in "".join(span.text for span in views.target.line(140))
    from_afar = [event for one in found.events if (event := admitted(one, "database")) is not None]
    again = Views()
    again.feed(from_afar)
    assert chat_text(again) == text, "a remote agent's model is shown like our own"
    assert "[unsupported]" in found.concluded["text"] and "rules see it otherwise" in found.concluded["text"]


async def test_in_the_workbench_it_streams_asks_and_goes_on(
    double: ModelEndpoint, database18: Database, tmp_path: Path
) -> None:
    write_models(double, "[limits]\nrounds = 1\n")
    word = secrets.token_hex(5)
    look = Reply(text=("I look.",), calls=(Call("session", {"pid": 1}),))
    double.script(
        look, Reply(calls=(Call("uptime", {}),)), Reply(calls=(concluding(answer=f"It was {word}."),))
    )
    target = Target.from_dsn(database18.conninfo(), name="shop", environment="test")
    app = Workbench(
        Options(target=target, inventory=Inventory({"shop": target}, tmp_path / "inventory.toml"))
    )
    app.animation_level = "none"
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: app.views.target.experts == "up", pilot, 60)
        await pilot.press(*"why", "enter")
        await until(lambda: "What now?" in screen_text(app), pilot, 60)
        assert "I look." in screen_text(app)
        await pilot.press(*"continue", "enter")
        await until(lambda: f"It was {word}." in screen_text(app), pilot, 60)
        assert "◇ MODEL  local: small" in screen_text(app) and not app.views.chat.waiting


def test_ask_prints_what_both_minds_say(
    double: ModelEndpoint, database18: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    word = secrets.token_hex(5)
    double.script(Reply(calls=(concluding(answer=f"It was {word}."),)))
    assert main(["ask", database18.conninfo(), "what was it?", "--json"]) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["state"], told["waits_for"]) == ("helpdesk.ask/1", "completed", None)
    assert told["model"]["answer"] == f"It was {word}." and told["report"]["evidence"]
    assert word in json.dumps(told["model"]["text"])
