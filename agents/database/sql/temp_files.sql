-- summary: Temporary files on disk by the process that made them
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT pg_catalog.substring(f.name, '^pgsql_tmp([0-9]+)[.]')::integer AS pid,
       count(*) AS files, sum(f.size) AS bytes,
       pg_catalog.current_setting('temp_file_limit') AS file_limit
  FROM pg_catalog.pg_tablespace t
 CROSS JOIN LATERAL pg_catalog.pg_ls_tmpdir(t.oid) f
 WHERE t.spcname <> 'pg_global'
 GROUP BY 1
 ORDER BY bytes DESC, pid
 LIMIT %(row_limit)s
