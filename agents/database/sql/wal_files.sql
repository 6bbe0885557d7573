-- summary: Files in pg_wal and those that wait to be archived, with what their number is limited by
-- rows: 1
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT w.files, w.bytes,
       a.ready,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.oldest)::numeric, 1) AS oldest_ready_s,
       a.first_ready,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS max_wal_bytes,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_keep_size')) AS keep_bytes,
       pg_catalog.current_setting('archive_mode') AS archive_mode,
       pg_catalog.pg_is_in_recovery() AS in_recovery
  FROM (SELECT count(*) AS files, coalesce(sum(f.size), 0) AS bytes FROM pg_catalog.pg_ls_waldir() f) w
 CROSS JOIN (SELECT count(*) AS ready, min(s.modification) AS oldest, min(s.name) AS first_ready
               FROM pg_catalog.pg_ls_archive_statusdir() s
              WHERE s.name LIKE '%%.ready') a
 LIMIT %(row_limit)s
