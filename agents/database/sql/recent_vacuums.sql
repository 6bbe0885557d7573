-- summary: Tables that were vacuumed in the last hour, named as autovacuum names them in the log
-- rows: 500
-- [server >= 14]
SELECT v.name, pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - v.at)::numeric, 3) AS age_s
  FROM (SELECT pg_catalog.concat_ws('.', pg_catalog.current_database(), n.nspname, c.relname) AS name,
               greatest(pg_catalog.pg_stat_get_last_vacuum_time(c.oid),
                        pg_catalog.pg_stat_get_last_autovacuum_time(c.oid)) AS at
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'm', 't')) v
 WHERE v.at > pg_catalog.clock_timestamp() - interval '1 hour'
 ORDER BY v.at DESC
 LIMIT %(row_limit)s
