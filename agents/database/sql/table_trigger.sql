-- summary: One trigger: whether it fires, and its definition
-- rows: 1
-- parameter: relation string schema-qualified name, quoted as SQL needs it
-- parameter: trigger_name string the trigger's name as it is, without quotes
-- [server >= 14]
SELECT g.oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       g.tgname AS trigger_name,
       CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica only' WHEN 'A' THEN 'always' ELSE 'enabled' END AS state,
       g.tgisinternal AS internal,
       k.conname AS constraint_name,
       greatest(c.reltuples, 0)::bigint AS rows,
       pg_catalog.left(pg_catalog.pg_get_triggerdef(g.oid), 4000) AS definition
  FROM pg_catalog.pg_trigger g
  JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint AND g.tgconstraint <> 0
 WHERE g.tgrelid = pg_catalog.to_regclass(%(relation)s) AND g.tgname = %(trigger_name)s
 LIMIT %(row_limit)s
