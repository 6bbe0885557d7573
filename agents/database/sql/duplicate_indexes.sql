-- summary: Indexes that another index of the same table makes superfluous: the same columns, or the first ones of a longer one
-- rows: 100
-- [server >= 14]
WITH candidates AS MATERIALIZED (
  SELECT i.indexrelid, i.indrelid, i.indisunique, i.indisprimary, i.indexprs, i.indpred, i.indnkeyatts,
         (i.indclass::oid[])[0:] AS classes, (i.indoption::int2[])[0:] AS options, (i.indcollation::oid[])[0:] AS collations,
         (i.indkey::int2[])[0:i.indnkeyatts - 1] AS keys, (i.indkey::int2[])[0:] AS columns,
         i.indisreplident, c.relname, c.relnamespace, c.relam, c.relpages, c.relispartition,
         c.oid IN (SELECT k.conindid FROM pg_catalog.pg_constraint k) AS backs_constraint
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
   WHERE i.indisvalid AND c.relkind = 'i' AND c.relpersistence <> 't' AND i.indrelid >= 16384
), pairs AS (
  SELECT a.indexrelid, a.indrelid, a.relname, a.relnamespace, a.relpages, b.indexrelid AS covering,
         b.relname AS covering_name, b.relnamespace AS covering_namespace,
         CASE WHEN a.indnkeyatts = b.indnkeyatts THEN 'duplicate' ELSE 'prefix' END AS kind
    FROM candidates a
    JOIN candidates b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid AND b.relam = a.relam
    JOIN pg_catalog.pg_am m ON m.oid = a.relam
   WHERE NOT a.indisprimary AND NOT a.backs_constraint AND NOT a.indisreplident AND NOT a.relispartition AND (NOT a.indisunique OR b.indisprimary)
     AND b.keys[1:a.indnkeyatts] = a.keys AND b.columns @> a.columns
     AND b.classes[1:a.indnkeyatts] = a.classes AND b.options[1:a.indnkeyatts] = a.options
     AND b.collations[1:a.indnkeyatts] = a.collations
     AND (a.indnkeyatts = b.indnkeyatts
            AND (a.columns = b.columns AND (a.indexrelid > b.indexrelid OR b.indisunique)
                 OR pg_catalog.cardinality(a.columns) < pg_catalog.cardinality(b.columns))
          OR a.indnkeyatts < b.indnkeyatts AND m.amname = 'btree' AND NOT a.indisunique)
     AND (a.indexprs IS NULL) = (b.indexprs IS NULL) AND (a.indpred IS NULL) = (b.indpred IS NULL)
     AND CASE WHEN a.indexprs IS NULL THEN true
              ELSE pg_catalog.pg_get_expr(a.indexprs, a.indrelid) = pg_catalog.pg_get_expr(b.indexprs, b.indrelid) END
     AND CASE WHEN a.indpred IS NULL THEN true
              ELSE pg_catalog.pg_get_expr(a.indpred, a.indrelid) = pg_catalog.pg_get_expr(b.indpred, b.indrelid) END
), found AS MATERIALIZED (
  SELECT DISTINCT ON (p.relpages, p.indexrelid) p.*
    FROM pairs p
   ORDER BY p.relpages DESC, p.indexrelid, p.kind, p.covering
   LIMIT %(row_limit)s
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(f.relname) AS index,
       pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(f.covering_name) AS covered_by,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS relation,
       f.kind,
       f.relpages::bigint * pg_catalog.current_setting('block_size')::integer AS bytes,
       pg_catalog.pg_stat_get_numscans(f.indexrelid) AS scans,
       pg_catalog.left(pg_catalog.pg_get_indexdef(f.indexrelid), 4000) AS definition
  FROM found f
  JOIN pg_catalog.pg_namespace n ON n.oid = f.relnamespace
  JOIN pg_catalog.pg_namespace cn ON cn.oid = f.covering_namespace
  JOIN pg_catalog.pg_class t ON t.oid = f.indrelid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
 ORDER BY f.relpages DESC, f.indexrelid
 LIMIT %(row_limit)s
