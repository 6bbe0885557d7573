"""Blocking trees and DDL queues, made for real."""

from __future__ import annotations

import pytest

from agents.kernel.tool import Refused
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults


async def test_chain_behind_an_idle_writer_has_one_root_and_moves_when_it_ends(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        root, waiters = await faults.chain(5)
        report = await work.triage()
        tree = only(report, "lock.blocking_tree")
        assert (tree.severity, tree.caused_by) == ("critical", ())
        assert (tree.subject["root"], sorted(tree.subject["waiters"])) == (root, sorted(waiters))
        assert (tree.subject["relation"], tree.subject["depth"]) == ("public.stock", 5)
        idle = only(report, "session.idle_in_transaction")
        assert (idle.subject["pid"], idle.caused_by, idle.remedies) == (root, (tree.id,), ())
        body = await work.remedy(tree)
        assert body["ok"] and body["verified"]
        assert sorted(body["freed"]) == sorted(waiters)
        assert loud(await work.triage()) == []


async def test_a_chain_made_just_now_is_looked_at_twice(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        root, _ = await faults.chain(4, settle_s=0)
        assert only(await work.triage(), "lock.blocking_tree").severity == "critical"
        assert only(await work.triage(), "session.idle_in_transaction").subject["pid"] == root


async def test_an_active_root_is_cancelled_not_terminated(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        root = await faults.idle_writer()
        faults.run(root.execute("SELECT pg_sleep(60)"))
        await faults.until(
            "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s", [root.info.backend_pid]
        )
        (waiter,) = await faults.waiters(1)
        tree = only(await work.triage({"lock.blocking_tree": {"wait_warning": 0}}), "lock.blocking_tree")
        assert tree.severity == "warning"
        assert [(remedy.tool, remedy.risk) for remedy in tree.remedies] == [("cancel_session", "write")]
        body = await work.remedy(tree)
        assert (body["verified"], body["freed"]) == (True, [waiter])
        assert not root.closed


async def test_a_queue_behind_a_ddl_is_the_ddls_doing(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        reader = await faults.session("report")
        await reader.execute("BEGIN")
        await reader.execute("SELECT count(*) FROM public.stock")
        ddl = await faults.waiting("ALTER TABLE public.stock ADD COLUMN note text")
        queued = [await faults.waiting("SELECT count(*) FROM public.stock") for _ in range(3)]
        report = await work.triage({"lock": {"ddl_queue": {"stalled": 0}, "blocking_tree": {"stalled": 0}}})
        queue = only(report, "lock.ddl_queue")
        assert (queue.severity, queue.caused_by) == ("critical", ())
        assert (queue.subject["pid"], queue.subject["relation"]) == (ddl, "public.stock")
        assert sorted(queue.subject["waiters"]) == sorted(queued)
        tree = only(report, "lock.blocking_tree")
        assert (tree.subject["root"], tree.caused_by, tree.remedies) == (
            reader.info.backend_pid,
            (queue.id,),
            (),
        )
        body = await work.remedy(queue)
        assert body["verified"] and sorted(body["freed"]) == sorted(queued)
        assert not [one for one in (await work.triage()).findings if one.condition.startswith("lock.")]


async def test_a_ddl_among_others_behind_a_root_is_a_consequence(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        root = await faults.idle_writer()
        await faults.waiters(2)
        await faults.waiting("ALTER TABLE public.stock ADD COLUMN note text")
        await faults.waiting("SELECT count(*) FROM public.stock")
        report = await work.triage()
        tree, queue = only(report, "lock.blocking_tree"), only(report, "lock.ddl_queue")
        assert tree.subject["root"] == root.info.backend_pid
        assert (queue.caused_by, queue.remedies, tree.caused_by) == ((tree.id,), (), ())


async def test_who_stays_behind_is_told_before_and_after(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        root, other = await faults.idle_writer(1), await faults.idle_writer(2)
        (freed,) = await faults.waiters(1)
        held = await faults.waiting("UPDATE public.stock SET amount = 0 WHERE id = 2")
        both = await faults.waiting("BEGIN; LOCK TABLE public.stock IN SHARE MODE")
        approval = await work.propose("terminate_session", await faults.identity(root.info.backend_pid))
        assert any(
            "unblocks 1 of 2" in line and f"behind {other.info.backend_pid}" in line
            for line in approval.preview.effect
        )
        ended = (await work.approve(approval)).body
        assert (ended["verified"], ended["freed"]) == (True, [freed])
        assert str(both) in ended["text"]
        tree = only(await work.triage(), "lock.blocking_tree")
        assert sorted(tree.subject["waiters"]) == sorted([held, both])


async def test_a_superusers_session_is_ended_by_a_superuser_who_was_told(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.admin.execute("BEGIN")
        await faults.admin.execute("UPDATE public.stock SET amount = 9 WHERE id = 1")
        (waiter,) = await faults.waiters(1, watcher=await faults.superuser())
        tree = only(await work.triage(), "lock.blocking_tree")
        (remedy,) = tree.remedies
        assert remedy.arguments["override_superuser"] is True
        assert "superuser postgres" in remedy.why
        identity = await faults.identity(faults.admin.info.backend_pid)
        with pytest.raises(Refused, match="override_superuser"):
            await work.propose("terminate_session", identity)
        assert (await work.remedy(tree))["freed"] == [waiter]


async def test_a_superusers_session_is_not_offered_to_others(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo(user=faults.role)) as work:
        await faults.admin.execute(f"GRANT pg_monitor, pg_signal_backend TO {faults.role}")
        await faults.admin.execute("BEGIN")
        await faults.admin.execute("UPDATE public.stock SET amount = 9 WHERE id = 1")
        await faults.waiters(1, watcher=await faults.superuser())
        tree = only(await work.triage(), "lock.blocking_tree")
        assert tree.remedies == ()
        assert "superuser postgres, and this login is none" in tree.summary


async def test_what_must_never_be_ended_is_refused(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        for kind in ("walwriter", "checkpointer", "logical replication launcher"):
            pid = await faults.value("SELECT pid FROM pg_stat_activity WHERE backend_type = %s", [kind])
            with pytest.raises(Refused, match=f"it is a {kind}"):
                await work.propose("terminate_session", await faults.identity(pid))
        leader = await faults.session("report")
        await leader.execute("SET debug_parallel_query = on")
        faults.run(leader.execute("SELECT pg_sleep(60)"))
        worker = "FROM pg_stat_activity WHERE leader_pid = %s AND backend_type = 'parallel worker'"
        await faults.until(f"SELECT count(*) = 1 {worker}", [leader.info.backend_pid])
        pid = await faults.value(f"SELECT pid {worker}", [leader.info.backend_pid])
        for tool in ("cancel_session", "terminate_session"):
            with pytest.raises(Refused, match="end its leader instead"):
                await work.propose(tool, await faults.identity(pid))
        idle = await faults.idle_writer()
        identity = await faults.identity(idle.info.backend_pid)
        with pytest.raises(Refused, match="no effect"):
            await work.propose("cancel_session", identity)
        with pytest.raises(Refused, match="another session"):
            await work.propose("terminate_session", {**identity, "backend_start": "2020-01-01T00:00:00Z"})
        own = await faults.connect("postgres", "helpdesk/read")
        with pytest.raises(Refused, match="helpdesk's own"):
            await work.propose("terminate_session", await faults.identity(own.info.backend_pid))


async def test_a_session_that_moved_on_since_the_approval_is_left_alone(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        root = await faults.idle_writer()
        approval = await work.propose("terminate_session", await faults.identity(root.info.backend_pid))
        await root.execute("COMMIT")
        await root.execute("BEGIN")
        await root.execute("UPDATE public.stock SET amount = 3 WHERE id = 3")
        ended = await work.approve(approval)
        assert ended.kind == "action.refused" and "xact_start" in ended.body["reason"]
        assert (await root.execute("SELECT 1")).rowcount == 1


async def test_a_moment_of_contention_is_only_an_info(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.idle_writer()
        await faults.waiters(1)
        tree = only(await work.triage(), "lock.blocking_tree")
        assert tree.severity == "info"
