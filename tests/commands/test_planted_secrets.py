"""Secrets planted in a question, in data, in an error and in a connection string: none leaves by any way out."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import tarfile
import zlib
from pathlib import Path

import psycopg
import pytest

from agents.log import EventLog
from helpdesk_tui.cli import main
from helpdesk_tui.crash import record_crash
from inventory.paths import config_dir, ensure_private, state_dir
from tests.commands.test_command_line import HELPDESK
from tests.conftest import Database
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Reply
from tests.reasoning.conftest import concluding, wire, write_models

KINDS = ("dsn", "question", "statement", "name", "column", "error", "note", "typed", "crash")


def kept_bytes() -> bytes:
    """Every byte below the state directory, with whole outputs unpacked."""
    files = [path for path in state_dir().rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(path.name == "log.sqlite" for path in files)
    return b"".join(
        zlib.decompress(path.read_bytes()) if path.suffix == ".z" else path.read_bytes() for path in files
    )


def run(*arguments: str) -> str:
    done = subprocess.run(
        [*HELPDESK, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return done.stdout + done.stderr


def test_no_planted_secret_leaves_by_any_way_out(
    database18: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = {kind: f"Zq{kind}{secrets.token_hex(6)}" for kind in KINDS}
    place = ensure_private(config_dir())
    dsn = f"{database18.conninfo()} password={planted['dsn']}"
    (place / "inventory.toml").write_text(f"[databases.shop]\ndsn = {json.dumps(dsn)}\n")
    statement = f"SELECT 1 /* ALTER ROLE x PASSWORD '{planted['statement']}' */"
    typed = f"SELECT 'marker', api_token, 'password={planted['typed']}' || n FROM keys, generate_series(1, 400) AS n"
    with ModelEndpoint() as double, psycopg.connect(database18.conninfo()) as held:
        write_models(double)
        held.execute(b"CREATE TABLE keys (api_token text)")
        held.execute("INSERT INTO keys VALUES (%s)", (planted["column"],))
        held.commit()
        held.execute("SELECT set_config('application_name', %s, false)", (f"job token={planted['name']}",))
        held.execute(statement.encode())
        double.script(
            Reply(calls=(Call("session", {"pid": held.info.backend_pid}),)),
            Reply(calls=(concluding(answer="Nothing."),)),
        )
        told = run("ask", "shop", f"what holds password={planted['question']}?")
        told += run("sql", "shop", typed)
        told += run("sql", "shop", f"SELECT 'postgres://me:{planted['error']}@db/x'::int")
        sent = wire(double)
    told += run("policy", "purpose", "maintenance", "--note", f"ticket: token={planted['note']}")
    told += record_crash(RuntimeError(f"postgres://me:{planted['crash']}@db/x"))
    with EventLog.open() as log:
        sessions = [row.id for row in log.sessions()]
        assert [word for word in planted.values() if log.search(word)] == []
        assert len(log.search("marker")) > 1
    for session in sessions:
        for arguments in (("show", session), ("show", session, "--sent"), ("export", session)):
            assert main(["session", *arguments]) == 0
    assert main(["session", "list"]) == main(["secrets", "list"]) == main(["audit", "verify"]) == 0
    told += "".join(capsys.readouterr())
    assert main(["bundle", "create", "-o", str(tmp_path / "case.tar.gz")]) == 0
    with tarfile.open(tmp_path / "case.tar.gz") as archive:
        bundled = b"".join(archive.extractfile(member).read() for member in archive)  # type: ignore[union-attr]

    assert "ALTER ROLE x PASSWORD" in sent and "what holds password=***" in told and "marker" in told
    kept = kept_bytes()
    ways = {"files": kept, "commands": told.encode(), "model": sent.encode(), "bundle": bundled}
    assert {
        (way, kind) for way, data in ways.items() for kind, word in planted.items() if word.encode() in data
    } == set()
