-- summary: Tables whose oldest transaction id or multixact id is nearest to a forced vacuum
-- rows: 20
-- [server >= 14]
WITH aged AS (
  SELECT c.oid, c.relname, c.relnamespace, c.relkind, c.relpages, c.reloptions,
         pg_catalog.age(c.relfrozenxid) AS xid_age,
         pg_catalog.mxid_age(c.relminmxid) AS mxid_age
    FROM pg_catalog.pg_class c
   WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't'
   ORDER BY greatest(pg_catalog.age(c.relfrozenxid), pg_catalog.mxid_age(c.relminmxid)) DESC
   LIMIT 200
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(a.relname) AS relation,
       CASE WHEN a.relkind = 't' THEN
         (SELECT pg_catalog.quote_ident(mn.nspname) || '.' || pg_catalog.quote_ident(m.relname)
            FROM pg_catalog.pg_class m JOIN pg_catalog.pg_namespace mn ON mn.oid = m.relnamespace
           WHERE m.reltoastrelid = a.oid) END AS toast_of,
       a.xid_age,
       a.mxid_age,
       pg_catalog.round((100.0 * a.xid_age / l.xid_limit)::numeric, 3) AS xid_percent_forced,
       pg_catalog.round((100.0 * a.mxid_age / l.mxid_limit)::numeric, 3) AS mxid_percent_forced,
       a.relpages::bigint * pg_catalog.current_setting('block_size')::bigint AS bytes,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v
                WHERE v.relid = a.oid AND v.datname = pg_catalog.current_database()) AS being_vacuumed
  FROM aged a
  JOIN pg_catalog.pg_namespace n ON n.oid = a.relnamespace
 CROSS JOIN LATERAL (
       SELECT least(pg_catalog.min(p.option_value::float8) FILTER (WHERE p.option_name = 'autovacuum_freeze_max_age'),
                    pg_catalog.current_setting('autovacuum_freeze_max_age')::float8) AS xid_limit,
              least(pg_catalog.min(p.option_value::float8) FILTER (WHERE p.option_name = 'autovacuum_multixact_freeze_max_age'),
                    pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::float8) AS mxid_limit
         FROM pg_catalog.pg_options_to_table(a.reloptions) p
        WHERE p.option_name IN ('autovacuum_freeze_max_age', 'autovacuum_multixact_freeze_max_age')) l
 ORDER BY greatest(a.xid_age / l.xid_limit, a.mxid_age / l.mxid_limit) DESC, bytes DESC, relation
 LIMIT %(row_limit)s
