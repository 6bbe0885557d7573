-- summary: Whether pg_stat_statements is there: its files, the preloaded library, the extension in this database
-- rows: 1
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT (SELECT a.default_version FROM pg_catalog.pg_available_extensions a WHERE a.name = 'pg_stat_statements') AS available_version,
       (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_stat_statements') AS installed_version,
       (SELECT s.setting ~ '(^|[\s,"/])pg_stat_statements($|[\s,"])'
          FROM pg_catalog.pg_settings s WHERE s.name = 'shared_preload_libraries') AS preloaded,
       (SELECT s.setting::integer FROM pg_catalog.pg_settings s WHERE s.name = 'pg_stat_statements.max') AS max_statements
 LIMIT %(row_limit)s
