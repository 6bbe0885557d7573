-- summary: Extensions of this database that are installed in another version than the server's files hold
-- [server >= 14]
SELECT e.extname AS extension, e.extversion AS installed, a.default_version AS available
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_available_extensions() a ON a.name = e.extname
 WHERE e.extversion IS DISTINCT FROM a.default_version
 ORDER BY e.extname
 LIMIT %(row_limit)s
