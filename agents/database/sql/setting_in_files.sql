-- summary: The lines of the configuration files that set one setting, the last one counts
-- rows: 20
-- parameter: name string name of the setting
-- grant: GRANT SELECT ON pg_catalog.pg_file_settings TO {role}; GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO {role}
-- [server >= 14]
SELECT f.sourcefile AS file, f.sourceline AS line, f.name, f.setting, f.applied, f.error
  FROM pg_catalog.pg_file_settings f
 WHERE pg_catalog.lower(f.name) = pg_catalog.lower(%(name)s)
 ORDER BY f.seqno
 LIMIT %(row_limit)s
