-- summary: Cumulative reads and writes of data files with the time that they took
-- rows: 60
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT 'database ' || coalesce(d.datname::text, 'shared') AS scope,
       d.blks_read AS reads, d.blk_read_time AS read_ms,
       NULL::bigint AS writes, d.blk_write_time AS write_ms,
       pg_catalog.current_setting('track_io_timing')::boolean AS timed,
       d.stats_reset
  FROM pg_catalog.pg_stat_database d
 WHERE d.blks_read > 0
 ORDER BY d.blk_read_time DESC, scope
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT i.backend_type || ' ' || i.context AS scope,
       i.reads, i.read_time AS read_ms,
       i.writes, i.write_time AS write_ms,
       pg_catalog.current_setting('track_io_timing')::boolean AS timed,
       i.stats_reset
  FROM pg_catalog.pg_stat_io i
 WHERE i.object = 'relation' AND (i.reads > 0 OR i.writes > 0)
 ORDER BY i.read_time DESC NULLS LAST, scope
 LIMIT %(row_limit)s
