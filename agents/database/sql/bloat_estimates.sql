-- summary: The largest tables with the size that their rows would need, estimated from pg_stats
-- rows: 100
-- grant: GRANT pg_read_all_data TO {role}
-- [server >= 14]
WITH largest AS MATERIALIZED (
  SELECT c.oid, c.relname, n.nspname, c.relpages, greatest(c.reltuples, 0) AS reltuples,
         pg_catalog.current_setting('block_size')::integer AS block,
         coalesce((SELECT o.option_value::integer FROM pg_catalog.pg_options_to_table(c.reloptions) o
                    WHERE o.option_name = 'fillfactor'), 100) AS fillfactor
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relpages >= 128
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   ORDER BY c.relpages DESC, c.oid
   LIMIT 100
), sized AS MATERIALIZED (
  SELECT l.*, w.columns, w.seen,
         4 + 8 * pg_catalog.ceil((23 + CASE WHEN w.nulls THEN (w.columns + 7) / 8 ELSE 0 END) / 8.0)
           + 8 * pg_catalog.ceil(coalesce(w.width, 0) / 8.0) AS row_bytes
    FROM largest l
   CROSS JOIN LATERAL (
         SELECT pg_catalog.count(*) AS columns, pg_catalog.count(p.avg_width) AS seen,
                coalesce(pg_catalog.bool_or(p.null_frac > 0), false) AS nulls,
                pg_catalog.sum((1 - p.null_frac) * pg_catalog.ceil(p.avg_width / p.next_start) * p.next_start) AS width
           FROM (SELECT s.avg_width::float8 AS avg_width, s.null_frac::float8 AS null_frac,
                        pg_catalog.lead(CASE WHEN a.attlen = -1 AND s.avg_width < 127 THEN 1 WHEN a.attalign = 'd' THEN 8
                                             WHEN a.attalign = 'i' THEN 4 WHEN a.attalign = 's' THEN 2 ELSE 1 END, 1, 1)
                          OVER (ORDER BY a.attnum) AS next_start
                   FROM pg_catalog.pg_attribute a
                   LEFT JOIN pg_catalog.pg_stats s
                     ON s.schemaname = l.nspname AND s.tablename = l.relname AND s.attname = a.attname AND NOT s.inherited
                  WHERE a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped) p) w
), expected AS (
  SELECT s.*, s.relpages::bigint * s.block AS bytes,
         CASE WHEN s.seen = s.columns THEN
           pg_catalog.ceil(s.reltuples / greatest(pg_catalog.floor((s.block - 24) * s.fillfactor / 100.0 / s.row_bytes), 1)) * s.block END AS needed
    FROM sized s
)
SELECT pg_catalog.quote_ident(e.nspname) || '.' || pg_catalog.quote_ident(e.relname) AS relation,
       e.bytes,
       e.reltuples::bigint AS rows,
       e.row_bytes::integer AS row_bytes,
       e.fillfactor,
       e.needed::bigint AS needed_bytes,
       greatest(e.bytes - e.needed, 0)::bigint AS wasted_bytes,
       pg_catalog.round((100 * greatest(e.bytes - e.needed, 0) / e.bytes)::numeric, 1) AS wasted_percent,
       pg_catalog.pg_stat_get_dead_tuples(e.oid) AS dead_rows,
       e.seen < e.columns AND (NOT pg_catalog.has_table_privilege(e.oid, 'SELECT') OR pg_catalog.row_security_active(e.oid)) AS hidden
  FROM expected e
 ORDER BY wasted_bytes DESC NULLS LAST, e.bytes DESC
 LIMIT %(row_limit)s
