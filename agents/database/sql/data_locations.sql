-- summary: Directories that hold the server's data, and when it started, which tells whether a directory is its own
-- rows: 100
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT l.kind, l.path,
       EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time())::bigint AS started
  FROM (SELECT 0 AS place, 'data' AS kind, pg_catalog.current_setting('data_directory') AS path
        UNION ALL
        SELECT 1, 'wal', pg_catalog.current_setting('data_directory') || '/pg_wal'
        UNION ALL
        SELECT 2, 'tablespace ' || t.spcname, pg_catalog.pg_tablespace_location(t.oid)
          FROM pg_catalog.pg_tablespace t
         WHERE pg_catalog.pg_tablespace_location(t.oid) <> '') l
 ORDER BY l.place, l.kind
 LIMIT %(row_limit)s
