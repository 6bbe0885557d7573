-- summary: Transactions that hold a lock on a table or wait for one, the oldest first (no pid: a prepared transaction)
-- rows: 100
-- parameter: relation string schema-qualified name, quoted as SQL needs it
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT l.pid,
       pg_catalog.left(a.application_name, 64) AS application,
       a.backend_type AS type,
       a.state,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::numeric, 1) AS xact_s,
       pg_catalog.array_agg(DISTINCT l.mode ORDER BY l.mode) AS modes
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass(%(relation)s)
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
   AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
 GROUP BY l.pid, l.virtualtransaction, a.application_name, a.backend_type, a.state, a.xact_start
 ORDER BY a.xact_start NULLS FIRST, l.pid
 LIMIT %(row_limit)s
