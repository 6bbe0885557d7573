-- summary: When the server and its background processes started, and when it last read its configuration
-- rows: 1
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT pg_catalog.pg_postmaster_start_time() AS started,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp()
         - pg_catalog.pg_postmaster_start_time())::numeric, 1) AS up_s,
       pg_catalog.pg_conf_load_time() AS configuration_loaded,
       c.backend_start AS processes_started,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - c.backend_start)::numeric, 1) AS processes_up_s
  FROM (SELECT min(a.backend_start) AS backend_start
          FROM pg_catalog.pg_stat_activity a
         WHERE a.backend_type = 'background writer') c
 LIMIT %(row_limit)s
