-- summary: The WAL archiver's successes and failures, and how archiving is configured
-- rows: 1
-- grant: GRANT SELECT ON pg_catalog.pg_stat_archiver TO {role}
-- [server >= 14]
SELECT pg_catalog.current_setting('archive_mode') AS archive_mode,
       pg_catalog.left(pg_catalog.current_setting('archive_command'), 300) AS archive_command,
       '' AS archive_library,
       a.archived_count,
       a.last_archived_wal,
       a.last_archived_time,
       a.failed_count,
       a.last_failed_wal,
       a.last_failed_time,
       coalesce(a.last_failed_time > a.last_archived_time, a.last_failed_time IS NOT NULL) AS failing,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp()
         - coalesce(a.last_archived_time, greatest(a.stats_reset, pg_catalog.pg_postmaster_start_time())))::numeric, 1) AS since_success_s,
       pg_catalog.pg_is_in_recovery() AS in_recovery
  FROM pg_catalog.pg_stat_archiver a
 LIMIT %(row_limit)s
-- [server >= 15]
SELECT pg_catalog.current_setting('archive_mode') AS archive_mode,
       pg_catalog.left(pg_catalog.current_setting('archive_command'), 300) AS archive_command,
       pg_catalog.left(pg_catalog.current_setting('archive_library'), 300) AS archive_library,
       a.archived_count,
       a.last_archived_wal,
       a.last_archived_time,
       a.failed_count,
       a.last_failed_wal,
       a.last_failed_time,
       coalesce(a.last_failed_time > a.last_archived_time, a.last_failed_time IS NOT NULL) AS failing,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp()
         - coalesce(a.last_archived_time, greatest(a.stats_reset, pg_catalog.pg_postmaster_start_time())))::numeric, 1) AS since_success_s,
       pg_catalog.pg_is_in_recovery() AS in_recovery
  FROM pg_catalog.pg_stat_archiver a
 LIMIT %(row_limit)s
