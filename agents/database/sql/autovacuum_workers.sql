-- summary: Autovacuum workers at work: what each does, since when, and how many there may be
-- rows: 50
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT a.pid,
       pg_catalog.current_setting('autovacuum_max_workers')::integer AS max_workers,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.backend_start)::numeric, 1) AS running_s,
       a.datname::pg_catalog.text AS database,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       p.phase,
       p.heap_blks_total, p.heap_blks_scanned, p.index_vacuum_count,
       a.wait_event_type AS wait_type, a.wait_event AS wait,
       pg_catalog.left(a.query, 200) AS query
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_stat_progress_vacuum p ON p.pid = a.pid
  LEFT JOIN pg_catalog.pg_class c ON c.oid = p.relid AND p.datname = pg_catalog.current_database()
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE a.backend_type = 'autovacuum worker'
 ORDER BY a.backend_start, a.pid
 LIMIT %(row_limit)s
