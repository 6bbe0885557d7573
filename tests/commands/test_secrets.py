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

from helpdesk_tui.cli import main
from inventory.paths import config_dir, ensure_private
from inventory.registry import load
from inventory.secrets import read_secret
from tests.commands.test_command_line import HELPDESK
from tests.conftest import Database


def test_secrets_move_out_of_our_files_and_the_rest_stays(capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"Zq{place}'\"{secrets.token_hex(6)}" for place in range(3)]
    token, key = f"tok-{secrets.token_hex(8)}", f"key-{secrets.token_hex(8)}"
    place = ensure_private(config_dir())
    (place / "inventory.toml").write_text(
        "# ours\n"
        "[databases.orders]\n"
        f'dsn = "host=db1 password={words[0].replace(chr(39), chr(92) * 2 + chr(39)).replace(chr(34), chr(92) + chr(34))} user=me"  # the first\n'
        'tags = ["a"]  # one\n'
        "\n"
        "[databases]\n"
        'uri = { dsn = "postgresql://me:Wx8secret9@db2/x?sslmode=require", tags = ["b"] }\n'
        f"plain = {{ dsn = 'host=db3', password = {json.dumps(words[1])} }}\n"
        "none = { dsn = 'host=db4' }\n"
    )
    (place / "agents.toml").write_text(
        f'[agents.k8s]\nurl = "https://k.example"\nbearer = "{token}" # mine\n'
    )
    (place / "models.toml").write_text(f'[providers.anthropic]\nkey = "{key}"\n')
    (place / "mcp.toml").write_text(
        f'[servers.x]\nurl = "https://m.example"\n[servers.x.headers]\nX-Key = "{key}x"\n'
    )
    (place / "audit.toml").write_text(
        f'keep_days = 9 # days\n[anchors]\nwebhook = "https://a.example"\nbearer = "{token}a"\n'
    )
    (place / "approvals.toml").write_text(
        f'[systems.ops]\nurl = "https://o.example"\nkind = "auditd"\nbearer = "{token}b"\n'
    )
    before = (place / "inventory.toml").read_text()

    assert main(["secrets", "migrate", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "8 secrets moved" in told
    for word in (*words, "Wx8secret9", token, key):
        assert word not in told
    after = (place / "inventory.toml").read_text()
    for kept in ("# ours\n", "# the first\n", 'tags = ["a"]  # one\n', "none = { dsn = 'host=db4' }\n"):
        assert kept in after
    assert 'dsn = "host=db1 user=me"' in after
    assert '"postgresql://me@db2/x?sslmode=require"' in after
    found = load()
    assert found.warnings == ()
    read = {name: read_secret(target.secret) for name, target in found.targets.items() if target.secret}
    assert read == {"orders": words[0], "uri": "Wx8secret9", "plain": words[1]}
    agents = tomllib.loads((place / "agents.toml").read_text())
    assert Path(agents["agents"]["k8s"]["bearer"]["file"]).read_text() == f"{token}\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place / "secrets").iterdir()} == {0o600}

    assert main(["secrets", "migrate"]) == 0
    assert "No secret stands in a file" in capsys.readouterr().out
    (place / "mcp.toml").unlink()
    assert main(["secrets", "list", "--json"]) == 0
    listed = {row["of"]: row["state"] for row in json.loads(capsys.readouterr().out)}
    assert listed["database orders"] == listed["agent k8s"] == listed["model anthropic"] == "there"
    assert listed["audit webhook"] == listed["approvals of ops"] == "there"
    assert listed["database none"] == "not needed yet"
    assert before != after


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
