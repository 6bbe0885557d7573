-- summary: B-tree indexes of this database, the largest first
-- rows: 200
-- [server >= 14]
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS index,
       pg_catalog.format('%%I.%%I', tn.nspname, t.relname) AS relation,
       c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint AS bytes
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am m ON m.oid = c.relam
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
 WHERE m.amname = 'btree' AND c.relkind = 'i' AND i.indisvalid AND i.indisready
   AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\_%%'
 ORDER BY c.relpages DESC, index
 LIMIT %(row_limit)s
