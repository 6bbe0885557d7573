"""Ending a prepared transaction: commit or rollback, by its identifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.lock_tree import PREPARED, LockTree
from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import (
    CANNOT_READ,
    ActFailed,
    Facts,
    act,
    change_tool,
    composed,
    failed,
    parameters,
    unread,
)
from agents.database.tools.aftermath import aftermath, clients, released
from agents.database.wording import duration
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

THIS = -1
"""Stands for the transaction in question in a tree of waiters."""
GID = {"type": "string", "minLength": 1, "maxLength": 200, "description": "its global identifier"}


def tools(reader: Reader) -> tuple[Tool, ...]:
    commit = "Commits a prepared transaction: its work stays, its locks go"
    rollback = "Rolls a prepared transaction back: its work is lost, its locks go"
    one = parameters(gid=GID)
    return (
        change_tool(PreparedEnd(reader, "commit"), "commit_prepared", "destructive", commit, one),
        change_tool(PreparedEnd(reader, "rollback"), "rollback_prepared", "destructive", rollback, one),
    )


@dataclass(frozen=True, slots=True)
class PreparedEnd:
    """COMMIT PREPARED or ROLLBACK PREPARED, by `verb`."""

    reader: Reader
    verb: str

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The transaction as it is, and who waits for it. Raises Refused where it can't be ended from here."""
        facts, gid = Facts(self.reader, target), arguments["gid"]
        server = await facts.primary()
        row = await facts.row("prepared_transaction", {"gid": gid})
        if row is None:
            raise Refused(f"there is no prepared transaction {gid} any more")
        _refuse(row, server)
        all_prepared = await facts.rows("prepared_transactions")
        tree = _tree(await facts.rows("waiting_locks"), all_prepared, gid)
        held = next((one for one in all_prepared if one["gid"] == gid), None)
        waiters = tree.waiters(THIS)
        kept = self.verb == "commit"
        return facts.preview(
            f"{self.verb} the prepared transaction {gid}",
            _victim(row, held["locks"] if held else None, waiters),
            (
                _statement(self.verb, gid).decode(),
                released(tree.without(THIS), len(waiters)),
                f"work lost: {'no, all that it did becomes visible' if kept else 'yes, all that it did'}",
            ),
            reversible="not reversible: a transaction ends once",
            alternatives=(
                "ask the transaction manager: it knows which way the other databases went",
                f"{'roll it back' if kept else 'commit it'} where that is what was decided",
                "do nothing: it keeps its locks, also over a restart, and VACUUM frees nothing that died since",
            ),
            confirmation=gid,
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """End it and look whether it is gone and who is free."""
        gid, waited = arguments["gid"], tuple(preview.victims[0].facts["waiters"])
        try:
            before = await clients(Facts(self.reader, target))
            await act(target, _statement(self.verb, gid))
        except ActFailed as error:
            return failed(error)
        done = f"{'Committed' if self.verb == 'commit' else 'Rolled back'} {gid}."

        async def over(facts: Facts) -> bool:
            return await facts.row("prepared_transaction", {"gid": gid}) is None

        try:
            after = await aftermath(self.reader, target, waited, before, over)
        except CANNOT_READ as error:
            return unread(done, error)
        text = f"{done} {after.words}".strip()
        evidence = tuple(after.facts.evidence)
        return Outcome(True, text, verified=after.over, freed=after.freed, evidence=evidence)


def _refuse(row: Row, server: Row) -> None:
    if not row["own_database"]:
        raise Refused(f"{row['gid']} belongs to database {row['database']}: it can be ended only from there")
    if not (server["superuser"] or row["same_role"]):
        raise Refused(f"{row['gid']} belongs to {row['owner']}: only that role or a superuser may end it")


def _tree(waits: Iterable[Row], prepared: Iterable[Row], gid: str) -> LockTree:
    """Who waits for whom, this transaction told apart from other prepared ones, which have no pid either."""
    mine = {pid for one in prepared if one["gid"] == gid for pid in one["waiters"]}
    others = {pid for one in prepared if one["gid"] != gid for pid in one["waiters"]}

    def ahead(row: Row) -> set[int]:
        pids = set(row["blocked_by"])
        if row["pid"] in mine:
            pids = pids - {PREPARED} | {THIS} | ({PREPARED} if row["pid"] in others else set())
        return pids

    return LockTree.of((row["pid"], ahead(row)) for row in waits)


def _victim(row: Row, locks: list[str] | None, waiters: tuple[int, ...]) -> Victim:
    identity = {key: row[key] for key in ("gid", "transaction", "database", "prepared_at")}
    return Victim(
        identity,
        {
            "owner": row["owner"],
            "open_for": duration(row["prepared_s"]),
            "xid_age": row["xid_age"],
            "locks": locks,
            "waiters": list(waiters),
        },
    )


def _statement(verb: str, gid: str) -> bytes:
    from psycopg import sql

    name = sql.Literal(gid)
    if verb == "commit":
        return composed("COMMIT PREPARED {gid}", gid=name)
    return composed("ROLLBACK PREPARED {gid}", gid=name)
