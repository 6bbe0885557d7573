"""Secrets: moved out of our files, told of by place alone, and in no process list."""

from __future__ import annotations

import json
import os
import secrets
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql

from agents.governance.roles import load_roles
from agents.secret_places import references
from helpdesk_tui.cli import main
from inventory.paths import config_dir, ensure_private
from inventory.registry import load
from inventory.secrets import read_secret
from tests.commands.test_command_line import HELPDESK
from tests.conftest import Database


def toml(text: str) -> str:
    return json.dumps(text)


def read_now() -> dict[str, str]:
    """Every secret that is configured, read from where it is."""
    found = {
        f"{target.name} {keyword}": read_secret(ref)
        for target in load().targets.values()
        for keyword, ref in (("password", target.secret), *target.private)
        if ref is not None
    }
    return found | {of: read_secret(ref) for of, ref in references()}


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert main(["secrets", "list", "--json"]) == 0
    return {row["of"]: row["state"] for row in json.loads(capsys.readouterr().out)}


def written(words: dict[str, str]) -> Path:
    """Every file of ours, with a secret itself in each place where one may be named."""
    place = ensure_private(config_dir())
    quoted = words["quoted"].replace("'", "\\'")
    (place / "inventory.toml").write_text(
        "# ours\n[databases.orders]\n"
        f"dsn = {toml(f'host=db1 password={quoted} user=me')}  # the first\n"
        'tags = ["a"]  # one\n\n[databases]\n'
        f'uri = {{ dsn = "postgresql://me:{words["uri"]}@db2/x?sslmode=require", tags = ["b"] }}\n'
        f"plain = {{ dsn = 'host=db3', password = {toml(words['plain'])} }}\n"
        f"both = {{ dsn = 'host=db4 password={words['both']} sslpassword={words['ssl']} user=me' }}\n"
        f"query = {{ dsn = 'postgresql://me@db7/x?sslpassword={words['query']}&sslmode=require' }}\n"
        f"named = {{ dsn = 'host=db5', sslpassword = {toml(words['named'])} }}\n"
        "none = { dsn = 'host=db6' }\n"
    )
    (place / "agents.toml").write_text(
        f'[agents.k8s]\nurl = "https://k.example"\nbearer = "{words["agent"]}" # mine\n'
    )
    (place / "models.toml").write_text(f'[providers.anthropic]\nkey = "{words["model"]}"\n')
    (place / "mcp.toml").write_text(
        f'[servers.x]\nurl = "https://m.example"\n[servers.x.headers]\nX-Key = "{words["header"]}"\n'
        f'[servers.y]\ncommand = ["y"]\nenv = {{ MODE = "quiet", Y_TOKEN = "{words["variable"]}" }}\n'
    )
    (place / "audit.toml").write_text(
        f'keep_days = 9 # days\n[anchors]\nwebhook = "https://me:{words["hook"]}@a.example/x"\n'
        f'bearer = "{words["audit"]}"\n'
    )
    (place / "approvals.toml").write_text(
        f'[systems.ops]\nurl = "https://o.example"\nkind = "auditd"\nbearer = "{words["system"]}"\n'
    )
    (place / "roles.toml").write_text(
        f'[callers.ben] # him\ntoken = "{words["caller"]}"\n[callers]\neve = {{ token = "{words["eve"]}" }}\n'
    )
    return place


KINDS = (
    "quoted", "uri", "plain", "both", "ssl", "named", "query", "agent", "model", "header", "variable", "hook", "audit", "system",
    "caller", "eve",
)  # fmt: skip


def test_secrets_in_our_files_work_are_warned_of_and_move_out_while_the_rest_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = {kind: f"Zq{kind}{secrets.token_hex(6)}" for kind in KINDS}
    words |= {kind: f"{words[kind]}'\"" for kind in ("quoted", "plain")}
    place = written(words)
    before = read_now()
    wanted = {
        "orders password": "quoted", "uri password": "uri", "plain password": "plain", "both password": "both",
        "both sslpassword": "ssl", "named sslpassword": "named", "query sslpassword": "query", "agent k8s": "agent", "model anthropic": "model",
        "MCP server x X-Key": "header", "MCP server y Y_TOKEN": "variable", "audit webhook": "audit",
        "approvals of ops": "system",
    }  # fmt: skip
    hook = {"URL of the audit webhook": f"https://me:{words['hook']}@a.example/x"}
    assert before == {of: words[kind] for of, kind in wanted.items()} | hook
    assert load_roles().caller(words["caller"]) == "ben" and load_roles().caller(words["eve"]) == "eve"

    assert main(["policy", "check"]) == 0
    warned = capsys.readouterr().err
    assert warned.count("\n") == 1 and "16 secrets stand" in warned and "inventory.toml:3 password" in warned
    states = listed(capsys)
    assert (
        states["database plain"]
        == states["database both sslpassword"]
        == states["agent k8s"]
        == "in the file"
    )

    assert main(["secrets", "migrate", "--yes"]) == 0
    told = capsys.readouterr()
    assert "16 secrets moved" in told.out
    kept = {path: path.read_text() for path in place.glob("*.toml")}
    assert not [
        word
        for word in words.values()
        for text in (told.out, told.err, warned, *kept.values())
        if word in text
    ]
    inventory = kept[place / "inventory.toml"]
    for stays in ("# ours\n", "# the first\n", 'tags = ["a"]  # one\n', "none = { dsn = 'host=db6' }\n"):
        assert stays in inventory
    assert 'dsn = "host=db1 user=me"' in inventory and '"host=db4 user=me"' in inventory
    assert (
        '"postgresql://me@db2/x?sslmode=require"' in inventory
        and '"postgresql://me@db7/x?sslmode=require"' in inventory
    )
    assert "[callers.ben] # him\n" in kept[place / "roles.toml"]
    assert load().warnings == () and read_now() == before
    assert load_roles().caller(words["caller"]) == "ben" and load_roles().caller(words["eve"]) == "eve"
    agents = tomllib.loads(kept[place / "agents.toml"])
    assert Path(agents["agents"]["k8s"]["bearer"]["file"]).read_text() == f"{words['agent']}\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place / "secrets").iterdir()} == {0o600}

    assert main(["secrets", "migrate"]) == 0
    assert "No secret stands in a file" in capsys.readouterr().out
    states = listed(capsys)
    assert {states[of] for of in ("database orders", "agent k8s", "model anthropic", "audit webhook")} == {
        "there"
    }
    assert states["database none"] == "not needed yet"
    assert main(["policy", "check"]) == 0
    assert capsys.readouterr().err == ""


def test_a_password_file_that_is_passed_over_is_told_of(
    isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ensure_private(config_dir()) / "inventory.toml").write_text(
        "[databases.a]\ndsn = 'host=db1'\n[databases.b]\ndsn = 'host=db1'\npassword = { env = 'NOT_SET_HERE' }\n"
    )
    (isolated_home / ".pgpass").write_text("*:*:*:*:Zq7zzzz\n")
    (isolated_home / ".pgpass").chmod(0o644)
    assert main(["doctor", "--json"]) == 1
    texts = [check["text"] for check in json.loads(capsys.readouterr().out) if check["name"] == "secret"]
    assert "is open to others (0644): chmod 600" in texts[0]
    assert "NOT_SET_HERE, missing" in texts[1]
    assert "Zq7zzzz" not in str(texts)


def test_no_process_shows_a_secret(database18: Database, tmp_path: Path) -> None:
    """Command lines and environments of every process that a triage starts, read while it runs."""
    planted = {kind: secrets.token_urlsafe(18) for kind in ("file", "command", "dsn")}
    role = f"watch_{secrets.token_hex(3)}"
    with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), planted["command"])
        )
    place = ensure_private(config_dir())
    kept = tmp_path / "kept"
    kept.write_text(planted["file"])
    kept.chmod(0o600)
    printed = tmp_path / "printed"
    printed.write_text(planted["command"])
    other = database18.conninfo(password=planted["dsn"])
    (place / "inventory.toml").write_text(
        f"[databases.a]\ndsn = {json.dumps(other)}\n"
        f"[databases.b]\ndsn = 'host=db.invalid'\npassword = {{ file = '{kept}' }}\n"
        f"[databases.c]\ndsn = {json.dumps(database18.conninfo(user=role))}\n"
        f"password = {{ command = ['cat', '{printed}'] }}\n"
    )
    try:
        shown = _watched("triage", "c", "--json")
        assert any("helpdesk" in one or "agents" in one for one in shown)
        assert not [word for word in planted.values() for one in shown if word in one]
    finally:
        with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def _watched(*arguments: str) -> set[str]:
    """Run `helpdesk`; every command line and environment of it and of all it starts."""
    process = subprocess.Popen(
        [*HELPDESK, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=os.environ
    )
    shown: set[str] = set()
    family: set[int] = set()
    root = psutil.Process(process.pid)
    while process.poll() is None:
        members = [root, *_children(root)]
        family |= {member.pid for member in members[1:]}
        for member in members:
            for name in ("cmdline", "environ"):
                try:
                    shown.add(Path(f"/proc/{member.pid}/{name}").read_bytes().decode(errors="replace"))
                except OSError:
                    continue
        try:
            process.communicate(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode in (0, 1)
    assert family, "no child was seen"
    return shown


def _children(root: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process lists are read from /proc")
