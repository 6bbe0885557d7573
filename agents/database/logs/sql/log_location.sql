-- summary: Where the server writes its log, and how its lines look
-- rows: 30
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT s.name, s.setting
  FROM pg_catalog.pg_settings s
 WHERE s.name IN ('data_directory', 'log_directory', 'log_destination', 'logging_collector', 'log_line_prefix',
                  'log_timezone', 'port')
UNION ALL
SELECT 'pid', pg_catalog.pg_backend_pid()::pg_catalog.text
 LIMIT %(row_limit)s
