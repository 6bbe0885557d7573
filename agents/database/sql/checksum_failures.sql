-- summary: Databases in which pages failed their checksum (database is empty for shared catalogs)
-- grant: GRANT SELECT ON pg_catalog.pg_stat_database TO {role}
-- [server >= 14]
SELECT d.datname AS database, d.checksum_failures AS failures, d.checksum_last_failure AS last_failure
  FROM pg_catalog.pg_stat_database d
 WHERE d.checksum_failures > 0
 ORDER BY d.checksum_last_failure DESC
 LIMIT %(row_limit)s
