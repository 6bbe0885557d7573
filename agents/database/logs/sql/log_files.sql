-- summary: Files in the log directory, the newest first
-- rows: 100
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT f.name, f.size, f.modification
  FROM pg_catalog.pg_ls_logdir() f
 ORDER BY f.modification DESC, f.name DESC
 LIMIT %(row_limit)s
