-- summary: One session as it is right now: whom an action on this pid would hit
-- rows: 1
-- grant: GRANT pg_monitor TO {role}
-- parameter: pid integer the session's process id
-- [server >= 14]
SELECT a.pid,
       a.backend_start,
       a.usename AS "user",
       a.datname AS database,
       pg_catalog.left(a.application_name, 64) AS application,
       coalesce(pg_catalog.host(a.client_addr), CASE WHEN a.client_port = -1 THEN 'local' END) AS client,
       a.backend_type AS type,
       a.state,
       a.xact_start,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::numeric, 3) AS xact_s,
       a.query_start,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.query_start)::numeric, 3) AS query_s,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::numeric, 3) AS state_s,
       a.wait_event_type AS wait_type,
       a.wait_event AS wait,
       a.backend_xid IS NOT NULL AS wrote,
       a.query_id::pg_catalog.text AS query_id,
       coalesce(r.rolsuper, false) AS superuser,
       a.backend_start IS NULL AS hidden,
       a.pid = pg_catalog.pg_backend_pid() AS own,
       r.oid IS NOT NULL AND pg_catalog.pg_has_role(current_user, r.oid, 'USAGE') AS same_role,
       pg_catalog.left(a.query, 2000) AS query
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
 WHERE a.pid = %(pid)s
 LIMIT %(row_limit)s
