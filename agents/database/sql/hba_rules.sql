-- summary: Lines of pg_hba.conf that are wrong, or let in without a password or with one in clear text
-- grant: GRANT SELECT ON pg_catalog.pg_hba_file_rules TO {role}; GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO {role}
-- [server >= 14]
SELECT 'pg_hba.conf' AS file, h.line_number AS line, h.type, h.database, h.user_name, h.address, h.netmask,
       h.auth_method AS method, h.error
  FROM pg_catalog.pg_hba_file_rules h
 WHERE h.error IS NOT NULL OR h.type LIKE 'host%%' AND h.auth_method IN ('trust', 'password')
 ORDER BY h.error IS NULL, h.line_number
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT h.file_name AS file, h.line_number AS line, h.type, h.database, h.user_name, h.address, h.netmask,
       h.auth_method AS method, h.error
  FROM pg_catalog.pg_hba_file_rules h
 WHERE h.error IS NOT NULL OR h.type LIKE 'host%%' AND h.auth_method IN ('trust', 'password')
 ORDER BY h.error IS NULL, h.rule_number NULLS FIRST, h.line_number
 LIMIT %(row_limit)s
