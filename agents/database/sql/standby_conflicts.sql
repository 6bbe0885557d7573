-- summary: On a standby: statements that replay cancelled, by reason, since the counters were reset
-- grant: GRANT SELECT ON pg_catalog.pg_stat_database_conflicts, pg_catalog.pg_stat_database TO {role}
-- [server >= 14]
SELECT c.datname AS database,
       c.confl_snapshot AS snapshots, c.confl_lock AS locks, c.confl_bufferpin AS buffer_pins,
       c.confl_deadlock AS deadlocks, c.confl_tablespace AS tablespaces, 0::bigint AS logical_slots,
       pg_catalog.current_setting('max_standby_streaming_delay') AS streaming_delay,
       pg_catalog.current_setting('hot_standby_feedback') AS feedback,
       d.stats_reset
  FROM pg_catalog.pg_stat_database_conflicts c
  JOIN pg_catalog.pg_stat_database d ON d.datid = c.datid
 WHERE pg_catalog.pg_is_in_recovery() AND d.datname IS NOT NULL
 ORDER BY d.conflicts DESC, c.datname
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT c.datname AS database,
       c.confl_snapshot AS snapshots, c.confl_lock AS locks, c.confl_bufferpin AS buffer_pins,
       c.confl_deadlock AS deadlocks, c.confl_tablespace AS tablespaces, c.confl_active_logicalslot AS logical_slots,
       pg_catalog.current_setting('max_standby_streaming_delay') AS streaming_delay,
       pg_catalog.current_setting('hot_standby_feedback') AS feedback,
       d.stats_reset
  FROM pg_catalog.pg_stat_database_conflicts c
  JOIN pg_catalog.pg_stat_database d ON d.datid = c.datid
 WHERE pg_catalog.pg_is_in_recovery() AND d.datname IS NOT NULL
 ORDER BY d.conflicts DESC, c.datname
 LIMIT %(row_limit)s
