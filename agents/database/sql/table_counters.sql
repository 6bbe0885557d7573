-- summary: Scans and changes of the tables that are read in full most and updated most
-- rows: 100
-- [server >= 14]
WITH measured AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relnamespace, c.relpages, c.reltuples,
         pg_catalog.pg_stat_get_numscans(c.oid) AS seq_scans,
         pg_catalog.pg_stat_get_tuples_returned(c.oid) AS seq_rows,
         pg_catalog.pg_stat_get_tuples_updated(c.oid) AS updates
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
), ranked AS (
  SELECT m.*,
         pg_catalog.row_number() OVER (ORDER BY m.seq_rows DESC, m.oid) AS by_reading,
         pg_catalog.row_number() OVER (ORDER BY m.updates DESC, m.oid) AS by_updates
    FROM measured m
   WHERE m.seq_rows > 0 OR m.updates > 0
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(r.relname) AS relation,
       greatest(pg_catalog.pg_stat_get_live_tuples(r.oid), r.reltuples::bigint, 0) AS rows,
       r.relpages::bigint * pg_catalog.current_setting('block_size')::integer AS bytes,
       r.seq_scans, r.seq_rows,
       coalesce((SELECT pg_catalog.sum(pg_catalog.pg_stat_get_numscans(i.indexrelid))
                   FROM pg_catalog.pg_index i WHERE i.indrelid = r.oid), 0)::bigint AS index_scans,
       r.updates,
       pg_catalog.pg_stat_get_tuples_hot_updated(r.oid) AS hot_updates,
       pg_catalog.pg_stat_get_tuples_inserted(r.oid) AS inserts,
       pg_catalog.pg_stat_get_tuples_deleted(r.oid) AS deletes,
       (SELECT pg_catalog.pg_stat_get_db_stat_reset_time(d.oid)
          FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) AS stats_reset
  FROM ranked r
  JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
 WHERE r.by_reading <= 50 OR r.by_updates <= 50
 ORDER BY r.seq_rows DESC, r.oid
 LIMIT %(row_limit)s
