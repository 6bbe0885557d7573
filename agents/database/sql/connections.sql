-- summary: Connection slots in use, by what their sessions do, and how many there are without the reserved ones
-- rows: 1
-- [server >= 14]
SELECT pg_catalog.count(*) FILTER (WHERE c.client) AS used,
       pg_catalog.current_setting('max_connections')::integer AS max_connections,
       pg_catalog.current_setting('superuser_reserved_connections')::integer AS reserved,
       pg_catalog.count(*) FILTER (WHERE c.client AND c.state = 'idle') AS idle,
       pg_catalog.count(*) FILTER (WHERE c.client AND c.state LIKE 'idle in transaction%%') AS idle_in_transaction,
       pg_catalog.count(*) FILTER (WHERE c.client AND c.state = 'active') AS active
  FROM (SELECT a.state,
               a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.datid IS NOT NULL) AS client
          FROM pg_catalog.pg_stat_activity a) c
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT pg_catalog.count(*) FILTER (WHERE c.client) AS used,
       pg_catalog.current_setting('max_connections')::integer AS max_connections,
       pg_catalog.current_setting('superuser_reserved_connections')::integer
         + pg_catalog.current_setting('reserved_connections')::integer AS reserved,
       pg_catalog.count(*) FILTER (WHERE c.client AND c.state = 'idle') AS idle,
       pg_catalog.count(*) FILTER (WHERE c.client AND c.state LIKE 'idle in transaction%%') AS idle_in_transaction,
       pg_catalog.count(*) FILTER (WHERE c.client AND c.state = 'active') AS active
  FROM (SELECT a.state,
               a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.datid IS NOT NULL) AS client
          FROM pg_catalog.pg_stat_activity a) c
 LIMIT %(row_limit)s
