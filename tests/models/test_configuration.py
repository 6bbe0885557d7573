"""models.toml and the environment: what is set up, and what is said of nonsense."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from agents.models.configuration import load
from agents.models.defaults import VENDORS
from agents.models.gateway import open_models
from inventory.errors import UserError

WHOLE = """
order = ["anthropic", "local"]

[providers.anthropic]
key = { env = "OUR_KEY" }

[providers.local]
kind = "openai"
base_url = "http://127.0.0.1:11434/v1/"
model = "qwen3:8b"
options = { temperature = 0.1 }

[experts.database]
order = ["local", "anthropic"]
model = { anthropic = "claude-sonnet-5-5" }

[limits]
requests_per_minute = 5
retry_s = 0.5

[budget]
day_usd = 2.5

[prices."claude-sonnet-5-5"]
input = 3
output = 15.0

[privacy]
literals = false
"""


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(WHOLE)
    found = load(path)
    assert [(one.name, one.kind, one.model) for one in found.providers_for("kubernetes")] == [
        ("anthropic", "anthropic", VENDORS["anthropic"].model),
        ("local", "openai", "qwen3:8b"),
    ]
    local, anthropic = found.providers_for("database")
    assert (local.url, local.key, dict(local.options)) == (
        "http://127.0.0.1:11434/v1",
        None,
        {"temperature": 0.1},
    )
    assert anthropic.key is not None and (anthropic.key.kind, anthropic.key.name) == ("env", "OUR_KEY")
    assert (found.limits.requests_per_minute, found.limits.retry_s, found.limits.rounds) == (5, 0.5, 5)
    assert found.budget.day_usd == 2.5 and found.budget.turn_usd is None
    assert found.prices[anthropic.model].output == 15
    assert (found.privacy.identifiers, found.privacy.literals) == (True, False)
    models = open_models("database", found)
    assert models is not None and models.describe() == "local: qwen3:8b, then anthropic: claude-sonnet-5-5"


def test_without_a_file_the_vendors_variables_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_models("database", load(tmp_path / "models.toml")) is None
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")
    monkeypatch.setenv("GOOGLE_API_KEY", secrets.token_hex(16))
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", secrets.token_hex(16))
    found = load(tmp_path / "models.toml").providers_for()
    assert [(one.name, one.key.name if one.key else "") for one in found] == [
        ("anthropic", "ANTHROPIC_AUTH_TOKEN"),
        ("gemini", "GOOGLE_API_KEY"),
        ("openai", ""),
    ]
    assert found[2].url == "http://127.0.0.1:8080/v1"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("order = [1]", 1, "expected a list of names"),
        ('order = ["nobody"]', 1, "has no table [providers.nobody]"),
        ("[providers.mine]\nmodel = 'x'", 1, "needs kind = one of anthropic, gemini, openai"),
        ("[providers.gemini]\n\nkey = 5", 3, "expected { env = "),
        ("[providers.gemini]\nbase_url = 'http://u:KEY@here'", 2, "holds a user or password"),
        ("[providers.gemini]\nbase_url = 'ftp://here'", 2, "is no address"),
        ("[providers.anthropic]\nbase_url = 'http://here'", 1, "needs a key of its own"),
        ("[providers.openai]\nbase_url = 'http://here'", 1, 'needs model = "…"'),
        ("[providers.openai]\nmodle = 'x'", 2, "did you mean model?"),
        ("[providers.openai.options]\nmessages = []", 2, "is not for you to set"),
        ("[limits]\nretries = -1", 2, "expected a whole number from 0"),
        ("[limits]\nwait_s = true", 2, "expected a number from 0"),
        ("[prices.x]\ninput = 1", 1, "needs input and output"),
        ("[privacy]\nliterals = 'no'", 2, "expected true or false"),
        ("[providers.openai]\n[experts.database]\nmodel = { x = 'y' }", 3, "is no provider"),
        ("limits = 3", 1, "expected a table"),
        ("[budget]\nturn_usd = ", 2, "expected TOML"),
    ],
    ids=lambda value: str(value)[:24].replace("\n", " ") if isinstance(value, str) else str(value),
)
def test_nonsense_is_told_with_its_place(tmp_path: Path, text: str, line: int, said: str) -> None:
    key = secrets.token_hex(8)
    path = tmp_path / "models.toml"
    path.write_text(text.replace("KEY", key))
    with pytest.raises(UserError) as failed:
        load(path)
    told = str(failed.value)
    assert told.startswith(f"{path}:{line}: ") and said in told and failed.value.exit_code == 2
    assert key not in told


def test_no_sdk_is_loaded_before_a_model_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(WHOLE)
    code = (
        "import sys, pathlib, helpdesk_tui.cli, agents.models.gateway as gateway\n"
        "from agents.models.configuration import load\n"
        f"models = gateway.open_models('database', load(pathlib.Path({str(path)!r})))\n"
        "assert models is not None\n"
        "print([name for name in ('anthropic', 'openai', 'google.genai', 'httpx', 'httpx2', 'pydantic', 'keyring')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
