-- summary: Sessions from other hosts without TLS, by user and address
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT a.usename AS "user", pg_catalog.host(a.client_addr) AS client, count(*) AS sessions,
       (pg_catalog.array_agg(a.pid ORDER BY a.pid))[1:20] AS pids,
       pg_catalog.current_setting('ssl')::boolean AS offered
  FROM pg_catalog.pg_stat_activity a
  JOIN pg_catalog.pg_stat_ssl s ON s.pid = a.pid
 WHERE NOT s.ssl AND a.client_addr IS NOT NULL
   AND NOT a.client_addr <<= '127.0.0.0/8'::inet AND a.client_addr <> '::1'::inet
 GROUP BY a.usename, a.client_addr
 ORDER BY sessions DESC, client
 LIMIT %(row_limit)s
