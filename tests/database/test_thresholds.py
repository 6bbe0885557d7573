"""Thresholds given by hand: every unit, and every way to get them wrong."""

from __future__ import annotations

from typing import Any

import pytest

from agents.database.catalogue import all_conditions
from agents.database.thresholds import read_overrides
from inventory.errors import UserError
from tests.conftest import Database
from tests.database.desk import desk


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"lock.blocking_tree": {"wait_warning": 7}}, 7),
        ({"lock.blocking_tree": {"wait_warning": "90 s"}}, 90),
        ({"lock.blocking_tree": {"wait_warning": "5 min"}}, 300),
        ({"lock.blocking_tree": {"wait_warning": "250ms"}}, 0.25),
        ({"lock.blocking_tree": {"wait_warning": {"value": 2, "unit": "h"}}}, 7200),
        ({"lock": {"blocking_tree": {"wait_warning": 1.5}}}, 1.5),
    ],
)
def test_figures_are_read_in_the_thresholds_unit(given: dict[str, Any], expected: float) -> None:
    assert read_overrides(given, all_conditions()) == {"lock.blocking_tree": {"wait_warning": expected}}


def test_sizes_and_shares() -> None:
    given = {"wal.slot_retention": {"inactive_warning": "1 GiB", "limit_warning": "80 %"}}
    assert read_overrides(given, all_conditions())["wal.slot_retention"] == {
        "inactive_warning": 1 << 30,
        "limit_warning": 80,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lock.bloking_tree": {}}, "did you mean lock.blocking_tree"),
        ({"lock": {"ddl_que": {}}}, "did you mean lock.ddl_queue"),
        ({"lock.blocking_tree": {"wait_warn": 1}}, "did you mean wait_warning"),
        ({"lock.blocking_tree": {"wait_warning": "5 GiB"}}, "unknown unit 'GiB', expected one of ms, s"),
        ({"lock.blocking_tree": {"wait_warning": "soon"}}, "expected a number of s, got 'soon'"),
        ({"lock.blocking_tree": {"wait_warning": -1}}, "from 0 up"),
        ({"lock.blocking_tree": {"wait_warning": float("nan")}}, "from 0 up"),
        ({"lock.blocking_tree": {"wait_warning": True}}, "expected a number"),
        ({"lock.blocking_tree": 5}, "expected a table"),
        (["lock.blocking_tree"], "expected a table"),
        ({"server.unreachable": {"wait": 1}}, "it has none"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_near(given: Any, said: str) -> None:
    with pytest.raises(UserError, match="thresholds: ") as raised:
        read_overrides(given, all_conditions())
    assert said in str(raised.value)
    assert raised.value.exit_code == 2


async def test_a_wrong_threshold_stops_a_sweep_before_it_reads(database18: Database) -> None:
    async with desk(database18.conninfo()) as work:
        with pytest.raises(UserError, match="no condition"):
            await work.triage({"lock.nothing": {}})
        assert not [item for item in work.log.events(work.session) if item.event.kind == "tool.called"]
