-- summary: The server's version and role, and what this login may see and do
-- rows: 1
-- [server >= 14]
SELECT pg_catalog.current_setting('server_version') AS version,
       pg_catalog.current_setting('server_version_num')::integer AS version_num,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       pg_catalog.current_database() AS database,
       r.rolname AS role,
       r.rolsuper AS superuser,
       pg_catalog.pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE') AS reads_all_stats,
       pg_catalog.pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') AS signals_sessions,
       ARRAY(SELECT m.rolname::pg_catalog.text
               FROM pg_catalog.pg_roles m
              WHERE m.oid <> r.oid AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER') AND NOT r.rolsuper
              ORDER BY m.rolname LIMIT 20) AS member_of,
       pg_catalog.pg_postmaster_start_time() AS started,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_postmaster_start_time())::numeric, 1)
         AS uptime_s
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = current_user
 LIMIT %(row_limit)s
