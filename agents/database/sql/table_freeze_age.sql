-- summary: One table's oldest transaction id and multixact id, and how far it is from a forced vacuum
-- rows: 1
-- parameter: relation string schema-qualified name, quoted as SQL needs it
-- [server >= 14]
SELECT c.oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       c.relfrozenxid::pg_catalog.text AS frozen_xid,
       pg_catalog.age(c.relfrozenxid) AS xid_age,
       pg_catalog.mxid_age(c.relminmxid) AS mxid_age,
       pg_catalog.current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
       pg_catalog.pg_total_relation_size(c.oid) AS bytes,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v
                WHERE v.relid = c.oid AND v.datname = pg_catalog.current_database()) AS being_vacuumed
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = pg_catalog.to_regclass(%(relation)s) AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
 LIMIT %(row_limit)s
