-- summary: Settings that differ from the server's built-in defaults, and where each value comes from
-- rows: 300
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT s.name, pg_catalog.left(s.setting, 500) AS setting, s.unit, pg_catalog.left(s.boot_val, 500) AS default_value,
       s.source, s.sourcefile AS source_file, s.sourceline AS source_line, s.context, s.pending_restart
  FROM pg_catalog.pg_settings s
 WHERE s.setting IS DISTINCT FROM s.boot_val AND s.source NOT IN ('default', 'override', 'client')
 ORDER BY s.name
 LIMIT %(row_limit)s
