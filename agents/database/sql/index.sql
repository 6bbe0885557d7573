-- summary: One index: whether it is valid, what it backs, its size and its definition
-- rows: 1
-- parameter: index string schema-qualified name, quoted as SQL needs it
-- [server >= 14]
SELECT c.oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS index,
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
       i.indisreplident AS replica_identity,
       EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid) AS partition,
       coalesce((SELECT s.spcname::pg_catalog.text FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace), '') AS tablespace,
       ARRAY(SELECT e.name FROM (VALUES
               (1, 'comment', pg_catalog.obj_description(c.oid, 'pg_class') IS NOT NULL),
               (2, 'mark for CLUSTER', i.indisclustered),
               (3, 'statistics targets', EXISTS (SELECT FROM pg_catalog.pg_attribute a
                     WHERE a.attrelid = c.oid AND a.attstattarget >= 0))) e (place, name, there)
              WHERE e.there ORDER BY e.place) AS extras,
       pg_catalog.pg_get_indexdef(c.oid) AS definition
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
 WHERE c.oid = pg_catalog.to_regclass(%(index)s) AND c.relkind = 'i'
 LIMIT %(row_limit)s
