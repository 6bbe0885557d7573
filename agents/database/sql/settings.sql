-- summary: Settings that the conditions judge and those that wait for a restart, with where each value comes from
-- rows: 100
-- grant: GRANT SELECT ON pg_catalog.pg_settings TO {role}
-- [server >= 14]
SELECT s.name, pg_catalog.left(s.setting, 500) AS setting, s.unit, s.boot_val AS default_value, s.source,
       s.sourcefile AS source_file, s.context, s.pending_restart
  FROM pg_catalog.pg_settings s
 WHERE s.pending_restart
    OR s.name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum', 'track_counts', 'autovacuum_naptime',
                  'synchronous_standby_names', 'shared_buffers', 'work_mem', 'max_connections', 'hash_mem_multiplier')
 ORDER BY s.pending_restart DESC, s.name
 LIMIT %(row_limit)s
