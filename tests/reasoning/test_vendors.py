"""Whole turns with each vendor: what it thought and signed goes back as it came, also when read from the log."""

from __future__ import annotations

import secrets

import pytest

from inventory.paths import config_dir
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Reply
from tests.reasoning.conftest import Asker, concluding


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
async def test_a_turn_goes_on_after_it_stopped(
    kind: str, asker: Asker, double: ModelEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The double refuses a conversation whose thinking or signatures are not what it gave."""
    monkeypatch.setenv("THE_KEY", secrets.token_hex(16))
    (config_dir() / "models.toml").write_text(
        f'[providers.{kind}]\nmodel = "m"\nbase_url = "{double.url}"\nkey = {{ env = "THE_KEY" }}\n'
        "[limits]\nrounds = 1\n"
    )
    double.script(
        Reply(thinking="First the connections.", calls=(Call("connections", {}), Call("uptime", {}))),
        Reply(thinking="And once more.", text=("Hm.",), calls=(Call("settings", {}),)),
        Reply(thinking="Clear now.", calls=(concluding(answer="All is calm.", confidence="high"),)),
    )
    stopped = await asker.ask("is all well?")
    assert stopped.state == "input-required"
    found = await asker.reply(stopped.task, "continue")
    assert (found.state, found.concluded["answer"]) == ("completed", "All is calm.")
    assert len(double.received) == 3 and double.left == 0
