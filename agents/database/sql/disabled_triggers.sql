-- summary: Triggers that are switched off, with those that guard foreign keys first
-- rows: 100
-- [server >= 14]
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       g.tgname AS trigger_name,
       g.tgisinternal AS internal,
       k.conname AS constraint_name,
       pg_catalog.left(pg_catalog.pg_get_triggerdef(g.oid), 1000) AS definition
  FROM pg_catalog.pg_trigger g
  JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint AND g.tgconstraint <> 0
 WHERE g.tgenabled = 'D' AND g.tgparentid = 0 AND c.relpersistence <> 't'
 ORDER BY g.tgisinternal DESC, n.nspname, c.relname, g.tgname
 LIMIT %(row_limit)s
