-- summary: How full the leaf pages of the largest B-tree indexes are, measured by pgstatindex (reads each whole index)
-- rows: 20
-- extension: pgstattuple
-- limit_ms: 50000
-- grant: GRANT pg_stat_scan_tables TO {role}
-- [server >= 14]
WITH largest AS MATERIALIZED (
  SELECT c.oid, c.relname, n.nspname, i.indrelid, i.indisvalid
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'btree'
   WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND c.relpages >= 128 AND i.indisvalid
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   ORDER BY c.relpages DESC, c.oid
   LIMIT 20
)
SELECT pg_catalog.quote_ident(l.nspname) || '.' || pg_catalog.quote_ident(l.relname) AS index,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS relation,
       s.index_size AS bytes,
       CASE WHEN s.avg_leaf_density = 'NaN' THEN NULL ELSE s.avg_leaf_density END AS leaf_density,
       CASE WHEN s.leaf_fragmentation = 'NaN' THEN NULL ELSE s.leaf_fragmentation END AS leaf_fragmentation,
       s.leaf_pages, s.empty_pages, s.deleted_pages
  FROM largest l
  JOIN pg_catalog.pg_class t ON t.oid = l.indrelid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
 CROSS JOIN LATERAL {extension}.pgstatindex(l.oid) s
 ORDER BY s.index_size DESC
 LIMIT %(row_limit)s
