-- summary: Indexes that a failed CREATE or REINDEX CONCURRENTLY left invalid: written to, never read
-- rows: 100
-- [server >= 14]
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS index,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS relation,
       t.relkind = 't' AS on_toast,
       i.indisvalid AS valid,
       i.indisready AS ready,
       i.indisunique AS "unique",
       pg_catalog.pg_relation_size(c.oid) AS bytes,
       EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')) AS backs_constraint,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
                WHERE p.datname = pg_catalog.current_database() AND (p.index_relid = c.oid OR p.relid = t.oid)) AS being_built,
       EXISTS (SELECT FROM pg_catalog.pg_locks l
                WHERE l.relation = t.oid AND l.granted AND l.mode IN ('ShareLock', 'ShareUpdateExclusiveLock')
                  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
         AS table_locked,
       pg_catalog.left(pg_catalog.pg_get_indexdef(c.oid), 4000) AS definition
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
 WHERE NOT i.indisvalid AND c.relkind = 'i'
 ORDER BY bytes DESC, c.relname
 LIMIT %(row_limit)s
