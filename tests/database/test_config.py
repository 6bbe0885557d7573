"""Settings that put data at risk, found and put right."""

from __future__ import annotations

import pytest

from agents.kernel.tool import Refused
from tests import servers
from tests.database.desk import desk, loud, only
from tests.servers import ServerFactory


@pytest.mark.parametrize("major", servers.AVAILABLE)
async def test_durability_off_is_switched_on_and_can_be_undone(
    major: int, server_factory: ServerFactory
) -> None:
    server = server_factory.fresh(
        major, fsync="off", full_page_writes="off", synchronous_commit="off", autovacuum="off"
    )
    try:
        async with desk(server.conninfo()) as work:
            report = await work.triage()
            found = {
                one.subject["setting"]: one
                for one in report.findings
                if one.condition == "config.durability_off"
            }
            assert {name: one.severity for name, one in found.items()} == {
                "fsync": "critical",
                "full_page_writes": "critical",
                "synchronous_commit": "info",
            }
            switched_off = only(report, "vacuum.disabled_table")
            assert (switched_off.severity, switched_off.subject["setting"]) == ("critical", "autovacuum")
            for finding in (*found.values(), switched_off):
                assert (await work.remedy(finding))["verified"] is True
            assert loud(await work.triage()) == []
            approval = await work.propose("reset_setting", {"name": "fsync"})
            assert approval.preview.undo == {
                "tool": "set_setting",
                "arguments": {"name": "fsync", "value": "on"},
            }
            assert (await work.approve(approval)).body["verified"] is True
            assert only(await work.triage(), "config.durability_off").subject["setting"] == "fsync"
    finally:
        server.destroy()


async def test_settings_outside_the_list_and_senseless_values_are_refused(
    server_factory: ServerFactory,
) -> None:
    async with desk(server_factory.shared(18).conninfo()) as work:
        for arguments in (
            {"name": "archive_command", "value": "on"},
            {"name": "fsync", "value": "local"},
            {"name": "fsync", "value": "maybe"},
        ):
            with pytest.raises(Refused):
                await work.propose("set_setting", arguments)
