"""A report put together again from events is the report that was concluded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.governance import Policy
from agents.kernel.event import Event
from agents.kernel.executor import Executor
from agents.kernel.expert import Question, Work
from agents.kernel.recorder import Recorder
from agents.kernel.report import assemble
from agents.log import EventLog
from inventory.errors import UserError
from tests.protocol.ledger import create


async def test_assemble_gives_the_concluded_report(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one\ntwo\n")
    expert = create()
    with EventLog.open(tmp_path / "log.sqlite") as log:
        async with Recorder(log, session="s", task="t", agent="ledger", target="here") as recorder:
            question = Question("", {"kind": "triage", "path": str(file)}, "here", "s", "t")
            await expert.answer(question, Work(question, Executor(expert.tools, log, Policy()), recorder))
        events = [Event.from_json(json.loads(json.dumps(item.event.to_json()))) for item in log.events("s")]
    report = assemble(events)
    assert report.worst() == "warning"
    assert report.evidence[0].rows == ((1, "one"), (2, "two"))
    assert report.findings[0].evidence == (report.evidence[0].id,)
    assert report.timing == {"total_ms": 1.25, "first_finding_ms": None}
    assert report.not_checked[0].condition == "file.wide"
    assert "rows" not in json.dumps(events[-1].body)


def test_no_conclusion_is_an_error_of_one_line() -> None:
    with pytest.raises(UserError) as caught:
        assemble([])
    assert caught.value.exit_code == 3
