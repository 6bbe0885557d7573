-- summary: Foreign keys whose referencing columns no index begins with
-- rows: 100
-- [server >= 14]
WITH unindexed AS MATERIALIZED (
  SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, c.relname, c.relnamespace, c.relkind,
         CASE WHEN c.relkind <> 'p' THEN greatest(c.relpages, 0)::bigint
              ELSE (SELECT coalesce(pg_catalog.sum(greatest(l.relpages, 0)), 0)::bigint
                      FROM pg_catalog.pg_partition_tree(c.oid) y JOIN pg_catalog.pg_class l ON l.oid = y.relid) END AS pages
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
   WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relpersistence <> 't'
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                      WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
                        AND (i.indkey::int2[])[0:pg_catalog.cardinality(k.conkey) - 1] @> k.conkey
                        AND k.conkey @> (i.indkey::int2[])[0:pg_catalog.cardinality(k.conkey) - 1])
   ORDER BY pages DESC, k.oid
   LIMIT %(row_limit)s
)
SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(u.relname) AS relation,
       u.conname AS constraint_name,
       pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.relname) AS parent,
       ARRAY(SELECT a.attname::pg_catalog.text
               FROM pg_catalog.unnest(u.conkey) WITH ORDINALITY o(number, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = u.conrelid AND a.attnum = o.number
              ORDER BY o.place) AS columns,
       u.relkind = 'p' AS partitioned,
       u.pages * pg_catalog.current_setting('block_size')::integer AS bytes,
       pg_catalog.pg_stat_get_tuples_deleted(p.oid) AS parent_deletes,
       pg_catalog.pg_stat_get_tuples_updated(p.oid) AS parent_updates,
       pg_catalog.left(pg_catalog.pg_get_constraintdef(u.oid), 1000) AS definition
  FROM unindexed u
  JOIN pg_catalog.pg_namespace cn ON cn.oid = u.relnamespace
  JOIN pg_catalog.pg_class p ON p.oid = u.confrelid
  JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
 ORDER BY u.pages DESC, u.oid
 LIMIT %(row_limit)s
