-- summary: The largest indexes that no scan used since the statistics began, and that nothing but queries needs
-- rows: 100
-- [server >= 14]
WITH unused AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relnamespace, c.relpages, i.indrelid
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'i' AND NOT c.relispartition AND c.relpersistence <> 't'
     AND i.indisvalid AND NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion AND NOT i.indisreplident
     AND i.indexprs IS NULL
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
     AND pg_catalog.pg_stat_get_numscans(c.oid) = 0
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid)
   ORDER BY c.relpages DESC, c.oid
   LIMIT %(row_limit)s
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(u.relname) AS index,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS relation,
       u.relpages::bigint * pg_catalog.current_setting('block_size')::integer AS bytes,
       pg_catalog.pg_stat_get_numscans(u.oid) AS scans,
       NULL::pg_catalog.numeric AS since_scan_s,
       pg_catalog.pg_stat_get_db_stat_reset_time(d.oid) AS stats_reset,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp()
         - coalesce(pg_catalog.pg_stat_get_db_stat_reset_time(d.oid), pg_catalog.pg_postmaster_start_time()))::numeric, 1) AS observed_s,
       EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.slot_type = 'physical') AS has_standbys,
       pg_catalog.left(pg_catalog.pg_get_indexdef(u.oid), 4000) AS definition
  FROM unused u
  JOIN pg_catalog.pg_namespace n ON n.oid = u.relnamespace
  JOIN pg_catalog.pg_class t ON t.oid = u.indrelid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
  JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
 ORDER BY u.relpages DESC, u.oid
 LIMIT %(row_limit)s
-- [server >= 16]
WITH unused AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relnamespace, c.relpages, i.indrelid
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'i' AND NOT c.relispartition AND c.relpersistence <> 't'
     AND i.indisvalid AND NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion AND NOT i.indisreplident
     AND i.indexprs IS NULL
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
     AND (pg_catalog.pg_stat_get_numscans(c.oid) = 0
          OR pg_catalog.pg_stat_get_lastscan(c.oid) < pg_catalog.now() - '1 day'::pg_catalog.interval)
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid)
   ORDER BY c.relpages DESC, c.oid
   LIMIT %(row_limit)s
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(u.relname) AS index,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS relation,
       u.relpages::bigint * pg_catalog.current_setting('block_size')::integer AS bytes,
       pg_catalog.pg_stat_get_numscans(u.oid) AS scans,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_stat_get_lastscan(u.oid))::numeric, 1) AS since_scan_s,
       pg_catalog.pg_stat_get_db_stat_reset_time(d.oid) AS stats_reset,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp()
         - coalesce(pg_catalog.pg_stat_get_db_stat_reset_time(d.oid), pg_catalog.pg_postmaster_start_time()))::numeric, 1) AS observed_s,
       EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.slot_type = 'physical') AS has_standbys,
       pg_catalog.left(pg_catalog.pg_get_indexdef(u.oid), 4000) AS definition
  FROM unused u
  JOIN pg_catalog.pg_namespace n ON n.oid = u.relnamespace
  JOIN pg_catalog.pg_class t ON t.oid = u.indrelid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
  JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
 ORDER BY u.relpages DESC, u.oid
 LIMIT %(row_limit)s
