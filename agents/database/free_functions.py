"""Functions in a statement that somebody typed: which of those that may act are known not to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.database.free_statement import FreeStatement
from agents.kernel.tool import Refused

if TYPE_CHECKING:
    import psycopg

READERS = frozenset({
    "array_sample", "array_shuffle", "clock_timestamp", "current_query", "currval", "gen_random_uuid",
    "lastval", "pg_available_wal_summaries", "pg_blocking_pids", "pg_collation_actual_version",
    "pg_control_checkpoint", "pg_control_init", "pg_control_recovery", "pg_control_system",
    "pg_current_logfile", "pg_current_wal_flush_lsn", "pg_current_wal_insert_lsn", "pg_current_wal_lsn",
    "pg_database_collation_actual_version", "pg_database_size", "pg_get_aios",
    "pg_get_backend_memory_contexts", "pg_get_loaded_modules", "pg_get_multixact_members",
    "pg_get_sequence_data", "pg_get_shmem_allocations", "pg_get_shmem_allocations_numa",
    "pg_get_wait_events", "pg_get_wal_replay_pause_state", "pg_get_wal_resource_managers",
    "pg_get_wal_summarizer_state", "pg_hba_file_rules", "pg_ident_file_mappings", "pg_indexes_size",
    "pg_is_in_recovery", "pg_is_wal_replay_paused", "pg_jit_available", "pg_last_committed_xact",
    "pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn", "pg_last_xact_replay_timestamp", "pg_lock_status",
    "pg_ls_archive_statusdir", "pg_ls_logdir", "pg_ls_logicalmapdir", "pg_ls_logicalsnapdir",
    "pg_ls_replslotdir", "pg_ls_summariesdir", "pg_ls_tmpdir", "pg_ls_waldir",
    "pg_notification_queue_usage", "pg_partition_ancestors", "pg_partition_tree", "pg_prepared_xact",
    "pg_relation_size", "pg_replication_origin_progress", "pg_safe_snapshot_blocking_pids",
    "pg_sequence_last_value", "pg_show_all_file_settings", "pg_show_replication_origin_status",
    "pg_stat_have_stats", "pg_table_size", "pg_tablespace_size", "pg_total_relation_size",
    "pg_wal_summary_contents", "pg_xact_commit_timestamp", "pg_xact_commit_timestamp_origin",
    "pg_xact_status", "random", "random_normal", "timeofday", "txid_status", "uuidv4", "uuidv7",
})  # fmt: skip
"""Volatile functions of pg_catalog, 14 to 18, that read or draw lots and do nothing else."""
READER_PREFIX = "pg_stat_get_"
ACTORS = frozenset({"pg_current_xact_id", "txid_current", "pg_export_snapshot", "set_config"})
"""Functions that act though they are not all declared volatile: a transaction id is used up, a setting changes."""
_LOOK = """
SELECT n.nspname::text, p.proname::text, pg_catalog.pg_get_function_identity_arguments(p.oid)
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  LEFT JOIN pg_catalog.pg_type t
    ON t.oid = CASE WHEN p.provariadic <> 0 THEN p.provariadic ELSE p.proargtypes[0] END
  LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
 WHERE p.provolatile = 'v'
   AND (p.proname::text = ANY (%(functions)s::text[])
        OR p.proname::text = ANY (%(fields)s::text[]) AND p.pronargs - p.pronargdefaults <= 1
           AND (t.typtype IN ('c', 'p') OR b.typtype IN ('c', 'd')
                OR EXISTS (SELECT FROM pg_catalog.pg_cast c
                             JOIN pg_catalog.pg_type s ON s.oid = c.castsource
                            WHERE c.casttarget = t.oid AND c.castcontext = 'i' AND s.typtype IN ('c', 'd')))
        OR p.oid IN (SELECT o.oprcode FROM pg_catalog.pg_operator o
                      WHERE o.oprname::text = ANY (%(operators)s::text[]))
        OR EXISTS (SELECT FROM pg_catalog.pg_aggregate a
                     JOIN pg_catalog.pg_proc g ON g.oid = a.aggfnoid
                    WHERE g.proname::text = ANY (%(functions)s::text[])
                      AND p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)))
   AND NOT (n.nspname = 'pg_catalog'
            AND (p.proname::text = ANY (%(readers)s::text[]) OR p.proname::text ^@ %(prefix)s))
 ORDER BY 1, 2, 3
 LIMIT 1"""


async def refuse_volatile(connection: psycopg.AsyncConnection[Any], statement: FreeStatement) -> None:
    """Raise Refused where the server has a function or operator of the statement's names that may act.

    Names are enough: which of several functions of one name a call means is for the server to say, and too late.
    """
    if acting := sorted(statement.functions & ACTORS):
        raise Refused(f"{acting[0]}() acts, also in a read-only transaction; it is not run from here")
    names = {
        "functions": sorted(statement.functions),
        "fields": sorted(statement.fields),
        "operators": sorted(statement.operators),
        "readers": sorted(READERS),
        "prefix": READER_PREFIX,
    }
    found = await (await connection.execute(_LOOK.encode(), names)).fetchone()
    if found is None:
        return
    schema, name, arguments = found
    raise Refused(
        f"{schema}.{name}({arguments}) is volatile: it may act, also in a read-only transaction; only functions"
        " that are declared stable or immutable are run from here"
    )
