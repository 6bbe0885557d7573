-- summary: Cumulative counters of each database: transactions, blocks, deadlocks, temporary files, sessions, checksums
-- rows: 200
-- grant: GRANT SELECT ON pg_catalog.pg_stat_database TO {role}
-- [server >= 14]
SELECT d.datname AS database,
       d.datname = pg_catalog.current_database() AS own,
       d.numbackends AS backends,
       d.xact_commit AS commits, d.xact_rollback AS rollbacks,
       d.blks_read, d.blks_hit, d.blk_read_time AS read_ms, d.blk_write_time AS write_ms,
       d.deadlocks, d.conflicts, d.temp_files, d.temp_bytes,
       d.checksum_failures, d.checksum_last_failure,
       d.sessions, d.sessions_abandoned, d.sessions_fatal, d.sessions_killed,
       d.session_time AS session_ms, d.active_time AS active_ms, d.idle_in_transaction_time AS idle_in_transaction_ms,
       NULL::bigint AS parallel_to_launch, NULL::bigint AS parallel_launched,
       d.stats_reset
  FROM pg_catalog.pg_stat_database d
 WHERE d.datname IS NOT NULL
 ORDER BY d.datname <> pg_catalog.current_database(), d.numbackends DESC, d.datname
 LIMIT %(row_limit)s
-- [server >= 18]
SELECT d.datname AS database,
       d.datname = pg_catalog.current_database() AS own,
       d.numbackends AS backends,
       d.xact_commit AS commits, d.xact_rollback AS rollbacks,
       d.blks_read, d.blks_hit, d.blk_read_time AS read_ms, d.blk_write_time AS write_ms,
       d.deadlocks, d.conflicts, d.temp_files, d.temp_bytes,
       d.checksum_failures, d.checksum_last_failure,
       d.sessions, d.sessions_abandoned, d.sessions_fatal, d.sessions_killed,
       d.session_time AS session_ms, d.active_time AS active_ms, d.idle_in_transaction_time AS idle_in_transaction_ms,
       d.parallel_workers_to_launch AS parallel_to_launch, d.parallel_workers_launched AS parallel_launched,
       d.stats_reset
  FROM pg_catalog.pg_stat_database d
 WHERE d.datname IS NOT NULL
 ORDER BY d.datname <> pg_catalog.current_database(), d.numbackends DESC, d.datname
 LIMIT %(row_limit)s
