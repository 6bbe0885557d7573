-- summary: Free and dead space of the largest tables, measured by pgstattuple_approx (reads pages that are not all-visible)
-- rows: 20
-- extension: pgstattuple
-- limit_ms: 50000
-- grant: GRANT pg_stat_scan_tables TO {role}
-- [server >= 14]
WITH largest AS MATERIALIZED (
  SELECT c.oid, c.relname, n.nspname
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relpages >= 128
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   ORDER BY c.relpages DESC, c.oid
   LIMIT 20
)
SELECT pg_catalog.quote_ident(l.nspname) || '.' || pg_catalog.quote_ident(l.relname) AS relation,
       s.table_len AS bytes,
       pg_catalog.round(s.scanned_percent::numeric, 1) AS scanned_percent,
       pg_catalog.round(s.approx_free_percent::numeric, 1) AS free_percent,
       pg_catalog.round(s.dead_tuple_percent::numeric, 1) AS dead_percent,
       (s.approx_free_space + s.dead_tuple_len)::bigint AS wasted_bytes
  FROM largest l
 CROSS JOIN LATERAL {extension}.pgstattuple_approx(l.oid) s
 ORDER BY wasted_bytes DESC
 LIMIT %(row_limit)s
