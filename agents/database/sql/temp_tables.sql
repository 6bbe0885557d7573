-- summary: Temporary tables that hold the freeze horizon, with the session that owns them (16 and later tell)
-- rows: 50
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS relation,
       pg_catalog.age(c.relfrozenxid) AS xid_age,
       pg_catalog.current_setting('autovacuum_freeze_max_age')::integer AS freeze_max_age,
       c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint AS bytes,
       false AS owner_known, NULL::integer AS pid, NULL::numeric AS owner_s
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relpersistence = 't' AND c.relkind = 'r'
 ORDER BY xid_age DESC, relation
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS relation,
       pg_catalog.age(c.relfrozenxid) AS xid_age,
       pg_catalog.current_setting('autovacuum_freeze_max_age')::integer AS freeze_max_age,
       c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint AS bytes,
       true AS owner_known, a.pid,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.backend_start)::numeric, 1) AS owner_s
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (SELECT b.id, pg_catalog.pg_stat_get_backend_pid(b.id) AS pid
               FROM pg_catalog.pg_stat_get_backend_idset() b(id)) b
    ON n.nspname = 'pg_temp_' || b.id
  LEFT JOIN pg_catalog.pg_stat_activity a
    ON a.pid = b.pid AND a.datname = pg_catalog.current_database() AND a.application_name NOT LIKE 'helpdesk/%%'
 WHERE c.relpersistence = 't' AND c.relkind = 'r'
 ORDER BY xid_age DESC, relation
 LIMIT %(row_limit)s
