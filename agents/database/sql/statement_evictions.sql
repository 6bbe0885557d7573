-- summary: How often pg_stat_statements threw out statements because it was full
-- rows: 1
-- extension: pg_stat_statements
-- [server >= 14]
SELECT i.dealloc AS evictions, i.stats_reset,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - i.stats_reset)::numeric, 1) AS counted_s
  FROM {extension}.pg_stat_statements_info i
 LIMIT %(row_limit)s
