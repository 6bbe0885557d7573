-- summary: Blocks found in shared buffers and blocks read, without the ring buffers of large scans where they are told apart
-- rows: 1
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT d.datname AS scope, d.blks_hit AS hits, d.blks_read AS reads, d.stats_reset
  FROM pg_catalog.pg_stat_database d
 WHERE d.datname = pg_catalog.current_database()
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT 'all databases' AS scope,
       pg_catalog.sum(i.hits)::bigint AS hits,
       pg_catalog.sum(i.reads)::bigint AS reads,
       pg_catalog.max(i.stats_reset) AS stats_reset
  FROM pg_catalog.pg_stat_io i
 WHERE i.object = 'relation' AND i.context = 'normal' AND i.backend_type IN ('client backend', 'background worker')
 LIMIT %(row_limit)s
