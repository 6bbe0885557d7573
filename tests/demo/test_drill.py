"""Drills: each fault is found by the condition it is named after, and the clock runs from opening to verified fix.

The faults of the host have their tests beside the conditions that read the log.
"""

from __future__ import annotations

import json
import re
import sys

import pytest

from agents.kernel.report import assemble
from helpdesk_tui.cli import main
from helpdesk_tui.demo.drill import Score, told
from helpdesk_tui.demo.faults import all_faults, host
from helpdesk_tui.demo.faults.fault import DATABASE, Fault, prepare
from inventory.errors import UserError
from tests.database.desk import desk
from tests.servers import AVAILABLE, ServerFactory
from tests.terminal import Terminal

HELPDESK = [sys.executable, "-m", "helpdesk_tui", "drill"]


@pytest.mark.parametrize(
    "fault",
    [fault for fault in all_faults().values() if fault not in host.FAULTS],
    ids=lambda fault: fault.name,
)
async def test_each_fault_is_found_and_mended_as_it_says(server_factory: ServerFactory, fault: Fault) -> None:
    server = server_factory.fresh(AVAILABLE[-1], **fault.settings)
    try:
        await prepare(server)
        request = {"kind": "triage", "only": [fault.name]}
        async with fault.make(server, DATABASE), desk(server.conninfo(dbname=DATABASE)) as at:
            found = [one for one in assemble(await at.ask(request)).findings if one.condition == fault.name]
            assert found, fault.name
            assert found[0].severity in ("warning", "critical") or fault.grows_s > 0
            assert bool(found[0].remedies) == fault.mended_by_tool
    finally:
        server.destroy()


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "list"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()] == list(all_faults())
    assert main(["drill", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed["drills"]] == list(all_faults())


def test_a_drill_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "lock.bloking_tree"]) == UserError("").exit_code
    assert "did you mean lock.blocking_tree" in capsys.readouterr().err


def test_a_target_of_ones_own_is_no_drill(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "host=db1 dbname=orders"]) == UserError("").exit_code
    assert "no drill" in capsys.readouterr().err


def test_without_a_terminal_it_prints_the_triage(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "index.invalid", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert "index.invalid" in {finding["condition"] for finding in report["findings"]}
    assert report["target"]["name"].startswith("drill-")


def test_the_whole_drill_in_a_terminal_is_timed() -> None:
    with Terminal([*HELPDESK, "lock.blocking_tree"], columns=120, lines=40) as terminal:
        shown = terminal.wait_for(lambda text: "terminate_session" in text, timeout=90)
        terminal.settle()
        terminal.press("1")
        shown = terminal.wait_for(lambda text: bool(re.search(r"to approve, type \d+", text)), timeout=60)
        pid = re.search(r"to approve, type (\d+)", shown)
        assert pid is not None
        terminal.settle(0.8)  # the card ignores keys for its first half second
        terminal.press("a")
        terminal.wait_for("[ Approve ]", timeout=60)
        terminal.type(pid[1])
        terminal.wait_for(lambda text: "to approve, type" not in text, timeout=60)
        terminal.press("enter")
        terminal.wait_for(lambda text: "✓ done" in text or "verified" in text.lower(), timeout=60)
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit(60) == 0
        line = re.sub(r"\s+", " ", terminal.text)
    assert re.search(
        r"Drill lock\.blocking_tree: named after \d+\.\d s, mended and verified after \d+\.\d s", line
    ), line


def test_what_is_told_of_a_drill_that_did_not_end_well() -> None:
    assert told(Score(None, None, ""), still_there=True) == "never named; it is still there"
    by_hand = told(Score(2.0, None, ""), still_there=False)
    assert by_hand.startswith("named after 2.0 s; it is gone, though no action")
    assert "still there" in told(Score(2.0, 3.0, "end session 1"), still_there=True)
