"""Blocking trees and DDL queues, made for real."""

from __future__ import annotations

from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults


async def test_chain_behind_an_idle_writer_is_one_root(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        root, waiters = await faults.chain(5)
        report = await work.triage()
        tree = only(report, "lock.blocking_tree")
        assert tree.severity == "critical"
        assert tree.subject["root"] == root
        assert sorted(tree.subject["waiters"]) == sorted(waiters)
        assert tree.subject["relation"] == "public.stock"
        assert tree.caused_by == ()
        idle = only(report, "session.idle_in_transaction")
        assert (idle.subject["pid"], idle.caused_by, idle.remedies) == (root, (tree.id,), ())
        body = await work.remedy(tree)
        assert body["ok"] and body["verified"]
        assert sorted(body["freed"]) == sorted(waiters)
        assert loud(await work.triage()) == []
