-- summary: Settings that the conditions judge, with where each value comes from
-- rows: 50
-- grant: GRANT SELECT ON pg_catalog.pg_settings TO {role}
-- [server >= 14]
SELECT s.name, s.setting, s.unit, s.boot_val AS default_value, s.source, s.context, s.pending_restart
  FROM pg_catalog.pg_settings s
 WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum', 'track_counts', 'autovacuum_naptime')
 ORDER BY s.name
 LIMIT %(row_limit)s
