"""What the evidence of a call cannot hold is kept whole beside the log: compressed, masked, bound by its hash."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agents.database.reading import WHOLE_ROWS, Reader
from agents.database.statement import Statement, Variant
from agents.governance import Policy
from agents.kernel import targets
from agents.kernel.executor import Executor
from agents.kernel.recorder import Recorder
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool, ToolCall
from agents.log import EventLog
from agents.log.outputs import DIRECTORY, MOST_CHARACTERS, keep_output, kept_or_said, read_output
from agents.log.settings import sign
from helpdesk_tui.cli import root
from inventory.errors import UserError
from inventory.masking import remember_secret
from inventory.target import Target
from tests.conftest import Database

SESSION = "../../s 1"
ROWS = 300


async def test_rows_beyond_the_evidence_are_kept_and_shown(database18: Database, isolated_home: Path) -> None:
    secret = f"hunter-{secrets.token_hex(6)}"
    remember_secret(secret)
    name = f"db-{secrets.token_hex(3)}"
    targets.tell(Target.from_dsn(database18.conninfo(), name=name))
    sql = f"SELECT n, '{secret} ' || n AS t FROM generate_series(1, {ROWS}) AS n LIMIT %(row_limit)s"
    statement = Statement("many", "many rows", (Variant(0, sql),), {}, row_limit=50)
    reader = Reader()

    async def run(arguments: Mapping[str, Any], target: str) -> Evidence:
        return await reader.read(statement, arguments, target)

    nothing = {"type": "object", "properties": {}, "additionalProperties": False}
    with EventLog.open() as log:
        executor = Executor({"many": Tool("many", "read", "", nothing, run=run)}, log, Policy())
        async with Recorder(log, session=SESSION, task="t", agent="a", target=name) as recorder:
            evidence = await executor.read(ToolCall("many", {}, name), recorder)
        assert (len(evidence.rows), evidence.truncated) == (50, True)
        kinds = [item.event.kind for item in log.events(SESSION)]
        (kept,) = log.events(SESSION, kinds=("output.kept",))
        assert kinds.index("output.kept") < kinds.index("tool.returned")
        body = kept.event.body
        assert (body["evidence"], body["cut"]) == (evidence.id, False)
        files = [path for path in (log.path.parent / DIRECTORY).rglob("*") if path.is_file()]
        assert [path.stat().st_mode & 0o777 for path in files] == [0o600]
        assert body["bytes"] == files[0].stat().st_size < body["characters"] // 3
        shown = CliRunner(catch_exceptions=False).invoke(root, ["audit", "output", evidence.id])
        lines = [json.loads(line) for line in shown.output.splitlines()]
        assert lines[0] == ["n", "t"]
        assert [line[0] for line in lines[1:]] == list(range(1, ROWS + 1))
        assert ROWS < WHOLE_ROWS
        assert lines[-1][1] == f"*** {ROWS}"
        # Changed behind the log's back: not shown as what was kept.
        whole = files[0].read_bytes()
        files[0].write_bytes(whole[:-1] + b"?")
        with pytest.raises(UserError, match="is not what was kept"):
            read_output(log.path, SESSION, body["sha256"])
        files[0].write_bytes(whole)
        assert log.purge(SESSION, "operator:ann", "", sign)[0] > 0
    await reader.close()
    unknown = CliRunner().invoke(root, ["audit", "output", "E0000000000"])
    assert "nothing is kept of E0000000000" in str(unknown.exception)


def test_an_output_that_the_disk_does_not_take_is_said(tmp_path: Path) -> None:
    (tmp_path / DIRECTORY).write_text("in the way")
    kind, body = kept_or_said(tmp_path / "log.sqlite", "s", "E1", lambda: "words")
    assert (kind, "the whole output of E1 was not kept" in body["text"]) == ("note", True)


def test_an_output_has_an_end(tmp_path: Path) -> None:
    log = tmp_path / "log.sqlite"
    body = keep_output(log, "s", "E1", "é" * (MOST_CHARACTERS + 1))
    assert body["cut"]
    assert body["characters"] == MOST_CHARACTERS
    assert read_output(log, "s", body["sha256"]) == "é" * MOST_CHARACTERS
