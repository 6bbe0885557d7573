-- summary: One constraint: whether it is validated, and its definition
-- rows: 1
-- parameter: relation string schema-qualified name, quoted as SQL needs it
-- parameter: constraint_name string the constraint's name as it is, without quotes
-- [server >= 14]
SELECT k.oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       k.conname AS constraint_name,
       k.contype::pg_catalog.text AS type,
       k.convalidated AS valid,
       true AS enforced,
       greatest(c.reltuples, 0)::bigint AS rows,
       pg_catalog.pg_table_size(c.oid) AS bytes,
       CASE WHEN k.confrelid <> 0 THEN (
         SELECT pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.relname)
           FROM pg_catalog.pg_class p JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE p.oid = k.confrelid) END AS parent,
       pg_catalog.left(pg_catalog.pg_get_constraintdef(k.oid), 4000) AS definition
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE k.conrelid = pg_catalog.to_regclass(%(relation)s) AND k.conname = %(constraint_name)s
 LIMIT %(row_limit)s
-- [server >= 18]
SELECT k.oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       k.conname AS constraint_name,
       k.contype::pg_catalog.text AS type,
       k.convalidated AS valid,
       k.conenforced AS enforced,
       greatest(c.reltuples, 0)::bigint AS rows,
       pg_catalog.pg_table_size(c.oid) AS bytes,
       CASE WHEN k.confrelid <> 0 THEN (
         SELECT pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.relname)
           FROM pg_catalog.pg_class p JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE p.oid = k.confrelid) END AS parent,
       pg_catalog.left(pg_catalog.pg_get_constraintdef(k.oid), 4000) AS definition
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE k.conrelid = pg_catalog.to_regclass(%(relation)s) AND k.conname = %(constraint_name)s
 LIMIT %(row_limit)s
