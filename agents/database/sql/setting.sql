-- summary: One setting: its value, its source and whether a change waits for a restart
-- rows: 1
-- parameter: name string name of the setting
-- grant: GRANT SELECT ON pg_catalog.pg_settings TO {role}
-- [server >= 14]
SELECT s.name, s.setting, s.unit, s.boot_val AS default_value, s.reset_val AS reset_value, s.vartype AS type,
       s.enumvals AS choices, s.source, s.sourcefile AS source_file, s.context, s.pending_restart,
       s.min_val AS minimum, s.max_val AS maximum
  FROM pg_catalog.pg_settings s
 WHERE s.name = %(name)s
 LIMIT %(row_limit)s
