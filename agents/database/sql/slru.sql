-- summary: Cumulative hits and misses of the small caches for transaction status, subtransactions and multixacts
-- rows: 20
-- grant: GRANT SELECT ON pg_catalog.pg_stat_slru TO {role}
-- [server >= 14]
SELECT pg_catalog.lower(s.name) AS cache, s.blks_hit AS hits, s.blks_read AS reads, s.blks_written AS writes, s.stats_reset
  FROM pg_catalog.pg_stat_slru s
 ORDER BY s.blks_read DESC, s.name
 LIMIT %(row_limit)s
