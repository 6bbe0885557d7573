-- summary: Lines of the configuration files that the server can't apply
-- grant: GRANT SELECT ON pg_catalog.pg_file_settings TO {role}; GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO {role}
-- [server >= 14]
SELECT f.sourcefile AS file, f.sourceline AS line, f.name, pg_catalog.left(f.setting, 200) AS setting, f.error,
       coalesce(s.pending_restart, false) AS pending_restart,
       coalesce(s.context = 'postmaster', false) AS needs_restart
  FROM pg_catalog.pg_file_settings f
  LEFT JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = pg_catalog.lower(f.name)
 WHERE f.error IS NOT NULL
 ORDER BY f.seqno
 LIMIT %(row_limit)s
