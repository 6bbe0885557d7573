-- summary: What the sessions that run a statement wait for at this moment
-- rows: 100
-- samples: 10
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT coalesce(a.wait_event_type, 'CPU') AS type,
       coalesce(a.wait_event, 'on CPU') AS event,
       pg_catalog.count(*) AS sessions,
       (pg_catalog.array_agg(a.pid ORDER BY a.query_start))[1:20] AS pids
  FROM pg_catalog.pg_stat_activity a
 WHERE a.state = 'active' AND a.backend_type IN ('client backend', 'parallel worker')
   AND a.pid <> pg_catalog.pg_backend_pid() AND a.application_name NOT LIKE 'helpdesk/%%'
 GROUP BY 1, 2
 ORDER BY sessions DESC, 1, 2
 LIMIT %(row_limit)s
