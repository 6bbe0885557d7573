-- summary: Until when the newest partition of each table partitioned by time takes rows
-- rows: 100
-- [server >= 14]
WITH bounds AS MATERIALIZED (
  SELECT p.partrelid, p.partdefid,
         pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_catalog.pg_partitioned_table p
    JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = (p.partattrs::int2[])[0]
    JOIN pg_catalog.pg_inherits h ON h.inhparent = p.partrelid
    JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid AND c.oid <> p.partdefid
   WHERE p.partstrat = 'r' AND p.partnatts = 1
     AND a.atttypid IN ('pg_catalog.date'::pg_catalog.regtype, 'pg_catalog.timestamp'::pg_catalog.regtype,
                        'pg_catalog.timestamptz'::pg_catalog.regtype)
), ends AS (
  SELECT b.partrelid, b.partdefid, pg_catalog.count(*) AS partitions,
         pg_catalog.bool_or(b.bound ~ 'TO \((MAXVALUE|''infinity'')\)$') AS endless,
         pg_catalog.max(pg_catalog.substring(b.bound, 'TO \(''(\d{4}-\d\d-\d\d[^'']*)''\)$')) AS newest
    FROM bounds b
   GROUP BY b.partrelid, b.partdefid
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS relation,
       e.partitions,
       e.newest AS ends_at,
       pg_catalog.round(EXTRACT(epoch FROM e.newest::pg_catalog.timestamptz - pg_catalog.clock_timestamp())::numeric) AS ends_in_s,
       e.partdefid <> 0 AS has_default
  FROM ends e
  JOIN pg_catalog.pg_class t ON t.oid = e.partrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 WHERE e.newest IS NOT NULL AND NOT e.endless
 ORDER BY pg_catalog.abs(EXTRACT(epoch FROM e.newest::pg_catalog.timestamptz - pg_catalog.clock_timestamp())), e.partrelid
 LIMIT %(row_limit)s
