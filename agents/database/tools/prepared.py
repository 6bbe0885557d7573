"""Ending a prepared transaction: commit or rollback, by its identifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.lock_tree import PREPARED, LockTree
from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import ActFailed, Facts, act, composed, confirmed, failed, not_on_standby
from agents.database.wording import duration, pids, plural
from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

PARAMETERS = {
    "type": "object",
    "properties": {
        "gid": {"type": "string", "minLength": 1, "maxLength": 200, "description": "its global identifier"}
    },
    "required": ["gid"],
    "additionalProperties": False,
}


def tools(reader: Reader) -> tuple[Tool, ...]:
    commit, rollback = PreparedEnd(reader, "commit"), PreparedEnd(reader, "rollback")
    return (
        commit.tool("Commits a prepared transaction: its work stays, its locks go"),
        rollback.tool("Rolls a prepared transaction back: its work is lost, its locks go"),
    )


@dataclass(frozen=True, slots=True)
class PreparedEnd:
    """COMMIT PREPARED or ROLLBACK PREPARED, by `verb`."""

    reader: Reader
    verb: str

    def tool(self, summary: str) -> Tool:
        return Tool(
            f"{self.verb}_prepared",
            "destructive",
            summary,
            PARAMETERS,
            preview=self.preview,
            change=self.change,
        )

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The transaction as it is, and who waits for it. Raises Refused where it can't be ended from here."""
        facts, gid = Facts(self.reader, target), arguments["gid"]
        server = await facts.server()
        not_on_standby(server)
        row = await facts.row("prepared_transaction", {"gid": gid})
        if row is None:
            raise Refused(f"there is no prepared transaction {gid} any more")
        _refuse(row, server)
        held = [one for one in await facts.rows("prepared_transactions") if one["gid"] == gid]
        waiters = tuple(held[0]["waiters"]) if held else ()
        kept = self.verb == "commit"
        return Preview(
            action=f"{self.verb} the prepared transaction {gid} on {target}",
            victims=(_victim(row, held[0] if held else None),),
            effect=(
                _statement(self.verb, gid).decode(),
                f"unblocks {plural(len(waiters), 'session')} ({pids(waiters)})"
                if waiters
                else "nobody waits for it",
                "work lost: no, all that it did becomes visible"
                if kept
                else "work lost: yes, all that it did",
                "restart needed: no",
            ),
            reversible="not reversible: a transaction ends once",
            alternatives=(
                "ask the transaction manager: it knows which way the other databases went",
                f"{'roll it back' if kept else 'commit it'} where that is what was decided",
                "do nothing: it keeps its locks, also over a restart, and VACUUM frees nothing that died since",
            ),
            confirmation=gid,
            captured_at=utc_now(),
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """End it and look whether it is gone and who is free."""
        gid, waited = arguments["gid"], tuple(preview.victims[0].facts["waiters"])
        try:
            await act(target, _statement(self.verb, gid))
        except ActFailed as error:
            return failed(error)

        async def look(facts: Facts) -> tuple[bool, str]:
            gone = await facts.row("prepared_transaction", {"gid": gid}) is None
            tree = LockTree.of_rows(await facts.rows("waiting_locks"))
            behind = [pid for pid in waited if PREPARED in tree.blockers.get(pid, ())]
            return gone, f"{plural(len(behind), 'session')} still wait for another one." if behind else ""

        done = "Committed" if self.verb == "commit" else "Rolled back"
        return await confirmed(self.reader, target, f"{done} {gid}.", look)


def _refuse(row: Row, server: Row) -> None:
    if not row["own_database"]:
        raise Refused(f"{row['gid']} belongs to database {row['database']}: it can be ended only from there")
    if not (server["superuser"] or row["same_role"]):
        raise Refused(f"{row['gid']} belongs to {row['owner']}: only that role or a superuser may end it")


def _victim(row: Row, held: Row | None) -> Victim:
    identity = {key: row[key] for key in ("gid", "transaction", "database", "prepared_at")}
    return Victim(
        identity,
        {
            "owner": row["owner"],
            "open_for": duration(row["prepared_s"]),
            "xid_age": row["xid_age"],
            "locks": held["locks"] if held else None,
            "waiters": list(held["waiters"]) if held else [],
        },
    )


def _statement(verb: str, gid: str) -> bytes:
    from psycopg import sql

    name = sql.Literal(gid)
    if verb == "commit":
        return composed("COMMIT PREPARED {gid}", gid=name)
    return composed("ROLLBACK PREPARED {gid}", gid=name)
