"""`helpdesk models` and `helpdesk doctor` as one meets them: real processes, real files, the double behind."""

from __future__ import annotations

import json
import secrets

import pytest

from agents.models.configuration import default_path
from tests.commands.test_command_line import helpdesk, one_line
from tests.models.doubles.endpoint import ModelEndpoint


def test_models_are_listed_and_checked(double: ModelEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = helpdesk("models")
    assert nothing.returncode == 0 and "No model is set up" in nothing.stdout
    key = secrets.token_hex(16)
    monkeypatch.setenv("OUR_KEY", key)
    double.models.append("claude-1")
    path = default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'order = ["anthropic", "local"]\n[providers.anthropic]\nmodel = "claude-1"\nbase_url = "{double.url}"\n'
        f'key = {{ env = "OUR_KEY" }}\n[providers.local]\nkind = "openai"\nmodel = "none"\n'
        f'base_url = "{double.openai_url}"\n[budget]\nday_usd = 2\n[prices.none]\ninput = 0\noutput = 0\n'
    )
    done = helpdesk("models", "--check", "--json", HTTPS_PROXY="http://127.0.0.1:9")
    assert done.returncode == 1 and key not in done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert [(one["provider"], one["state"], one["key"]) for one in told["models"]] == [
        ("anthropic", "up", "env OUR_KEY"),
        ("local", "down", "none"),
    ]
    assert "local is down: answers, but does not offer none" in done.stderr
    assert "HTTPS_PROXY is set; models are asked directly" in done.stderr
    assert "claude-1 is not asked: there is a cap and its price is unknown" in done.stderr
    assert told["caps"] == "$2.00 a day"
    assert not double.received, "to look costs nothing"
    doctor = next(one for one in json.loads(helpdesk("doctor", "--json").stdout) if one["name"] == "models")
    assert doctor["state"] == "note" and "anthropic: claude-1, then local: none" in doctor["text"]
    path.write_text(
        '[providers.openai]\nbase_url = "http://gpu.internal/v1"\nmodel = "m"\nkey = { env = "OUR_KEY" }\n'
    )
    assert "the key goes over an open line to http://gpu.internal/v1; use https" in helpdesk("models").stderr
    path.write_text("order = 3\n")
    wrong = helpdesk("models")
    assert wrong.returncode == 2 and one_line(wrong).endswith('such as ["anthropic", "local"]')
