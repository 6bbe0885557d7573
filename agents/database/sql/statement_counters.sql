-- summary: The statements of this database that took most time, as pg_stat_statements counts them
-- rows: 100
-- extension: pg_stat_statements
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT s.queryid AS query_id,
       pg_catalog.pg_get_userbyid(s.userid) AS "user",
       s.toplevel,
       s.calls,
       s.total_exec_time AS total_ms, s.mean_exec_time AS mean_ms, s.stddev_exec_time AS stddev_ms,
       s.min_exec_time AS min_ms, s.max_exec_time AS max_ms,
       pg_catalog.round((100 * s.total_exec_time / nullif(pg_catalog.sum(s.total_exec_time) OVER (), 0))::numeric, 1) AS share_percent,
       s.rows,
       s.shared_blks_hit AS blks_hit, s.shared_blks_read AS blks_read, s.blk_read_time AS read_ms,
       s.temp_blks_written::bigint * pg_catalog.current_setting('block_size')::integer AS temp_bytes,
       s.wal_bytes,
       s.queryid IS NULL AS hidden,
       pg_catalog.left(s.query, 300) AS query,
       (SELECT i.stats_reset FROM {extension}.pg_stat_statements_info i) AS stats_reset
  FROM {extension}.pg_stat_statements s
 WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
 ORDER BY s.total_exec_time DESC, s.queryid
 LIMIT %(row_limit)s
-- [server >= 17]
SELECT s.queryid AS query_id,
       pg_catalog.pg_get_userbyid(s.userid) AS "user",
       s.toplevel,
       s.calls,
       s.total_exec_time AS total_ms, s.mean_exec_time AS mean_ms, s.stddev_exec_time AS stddev_ms,
       s.min_exec_time AS min_ms, s.max_exec_time AS max_ms,
       pg_catalog.round((100 * s.total_exec_time / nullif(pg_catalog.sum(s.total_exec_time) OVER (), 0))::numeric, 1) AS share_percent,
       s.rows,
       s.shared_blks_hit AS blks_hit, s.shared_blks_read AS blks_read, s.shared_blk_read_time AS read_ms,
       s.temp_blks_written::bigint * pg_catalog.current_setting('block_size')::integer AS temp_bytes,
       s.wal_bytes,
       s.queryid IS NULL AS hidden,
       pg_catalog.left(s.query, 300) AS query,
       (SELECT i.stats_reset FROM {extension}.pg_stat_statements_info i) AS stats_reset
  FROM {extension}.pg_stat_statements s
 WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
 ORDER BY s.total_exec_time DESC, s.queryid
 LIMIT %(row_limit)s
