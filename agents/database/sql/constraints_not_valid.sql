-- summary: Constraints that were added NOT VALID and never validated
-- rows: 100
-- [server >= 14]
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       k.conname AS constraint_name,
       CASE k.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'n' THEN 'not null' ELSE k.contype::pg_catalog.text END AS kind,
       greatest(c.relpages, 0)::bigint * pg_catalog.current_setting('block_size')::integer AS bytes,
       pg_catalog.left(pg_catalog.pg_get_constraintdef(k.oid), 1000) AS definition
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT k.convalidated AND k.conparentid = 0 AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
 ORDER BY bytes DESC, k.oid
 LIMIT %(row_limit)s
-- [server >= 18]
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       k.conname AS constraint_name,
       CASE k.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'n' THEN 'not null' ELSE k.contype::pg_catalog.text END AS kind,
       greatest(c.relpages, 0)::bigint * pg_catalog.current_setting('block_size')::integer AS bytes,
       pg_catalog.left(pg_catalog.pg_get_constraintdef(k.oid), 1000) AS definition
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT k.convalidated AND k.conenforced AND k.conparentid = 0 AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
 ORDER BY bytes DESC, k.oid
 LIMIT %(row_limit)s
