-- summary: Parallel workers that run right now, and how many may
-- rows: 1
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT pg_catalog.count(*) FILTER (WHERE a.backend_type = 'parallel worker') AS running,
       pg_catalog.count(DISTINCT a.leader_pid) FILTER (WHERE a.backend_type = 'parallel worker') AS leaders,
       pg_catalog.current_setting('max_parallel_workers')::integer AS max_parallel_workers,
       pg_catalog.current_setting('max_worker_processes')::integer AS max_worker_processes,
       pg_catalog.current_setting('max_parallel_workers_per_gather')::integer AS max_per_gather
  FROM pg_catalog.pg_stat_activity a
 LIMIT %(row_limit)s
