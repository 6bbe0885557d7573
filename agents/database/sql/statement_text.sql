-- summary: The full text of one statement that pg_stat_statements knows
-- rows: 1
-- extension: pg_stat_statements
-- grant: GRANT pg_monitor TO {role}
-- parameter: query_id integer its query id
-- [server >= 14]
SELECT s.queryid AS query_id, pg_catalog.pg_get_userbyid(s.userid) AS "user", s.calls, pg_catalog.left(s.query, 100000) AS query
  FROM {extension}.pg_stat_statements s
 WHERE s.queryid = %(query_id)s
   AND s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
 ORDER BY s.toplevel DESC, s.calls DESC
 LIMIT %(row_limit)s
