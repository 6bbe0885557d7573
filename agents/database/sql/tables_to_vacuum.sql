-- summary: Tables past their autovacuum trigger, and tables with autovacuum switched off
-- rows: 100
-- [server >= 14]
WITH measured AS MATERIALIZED (
  SELECT c.oid, c.relname, n.nspname, c.reltuples, c.reloptions,
         pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead,
         pg_catalog.pg_stat_get_live_tuples(c.oid) AS live
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
), judged AS (
  SELECT m.*, coalesce(o.disabled, false) AS disabled,
         coalesce(o.threshold, pg_catalog.current_setting('autovacuum_vacuum_threshold'))::float8
           + coalesce(o.scale, pg_catalog.current_setting('autovacuum_vacuum_scale_factor'))::float8 * greatest(m.reltuples, 0) AS trigger_at
    FROM measured m
    LEFT JOIN LATERAL (
         SELECT pg_catalog.bool_or(p.option_name = 'autovacuum_enabled'
                  AND pg_catalog.lower(p.option_value) IN ('false', 'fals', 'fal', 'fa', 'f', 'off', 'of', 'no', 'n', '0')) AS disabled,
                pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_threshold') AS threshold,
                pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_scale_factor') AS scale
           FROM pg_catalog.pg_options_to_table(m.reloptions) p) o ON m.reloptions IS NOT NULL
)
SELECT pg_catalog.quote_ident(j.nspname) || '.' || pg_catalog.quote_ident(j.relname) AS relation,
       j.disabled AS autovacuum_disabled,
       j.dead AS dead_rows,
       j.live AS live_rows,
       pg_catalog.round(100.0 * j.dead / nullif(j.dead + j.live, 0), 1) AS dead_percent,
       pg_catalog.floor(j.trigger_at)::bigint AS trigger_rows,
       pg_catalog.pg_table_size(j.oid) AS bytes,
       pg_catalog.pg_stat_get_last_vacuum_time(j.oid) AS last_vacuum,
       pg_catalog.pg_stat_get_last_autovacuum_time(j.oid) AS last_autovacuum,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp()
         - greatest(pg_catalog.pg_stat_get_last_vacuum_time(j.oid), pg_catalog.pg_stat_get_last_autovacuum_time(j.oid)))::numeric, 1)
         AS since_vacuum_s,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v
                WHERE v.relid = j.oid AND v.datname = pg_catalog.current_database()) AS being_vacuumed,
       pg_catalog.age(c.relfrozenxid) AS xid_age,
       j.reloptions
  FROM judged j
  JOIN pg_catalog.pg_class c ON c.oid = j.oid
 WHERE j.disabled OR j.dead > j.trigger_at
 ORDER BY j.dead DESC, bytes DESC
 LIMIT %(row_limit)s
-- [server >= 18]
WITH measured AS MATERIALIZED (
  SELECT c.oid, c.relname, n.nspname, c.reltuples, c.reloptions,
         pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead,
         pg_catalog.pg_stat_get_live_tuples(c.oid) AS live
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
), judged AS (
  SELECT m.*, coalesce(o.disabled, false) AS disabled,
         least(coalesce(o.threshold, pg_catalog.current_setting('autovacuum_vacuum_threshold'))::float8
             + coalesce(o.scale, pg_catalog.current_setting('autovacuum_vacuum_scale_factor'))::float8 * greatest(m.reltuples, 0),
           CASE WHEN coalesce(o.cap, pg_catalog.current_setting('autovacuum_vacuum_max_threshold'))::float8 < 0 THEN 'infinity'::float8
                ELSE coalesce(o.cap, pg_catalog.current_setting('autovacuum_vacuum_max_threshold'))::float8 END) AS trigger_at
    FROM measured m
    LEFT JOIN LATERAL (
         SELECT pg_catalog.bool_or(p.option_name = 'autovacuum_enabled'
                  AND pg_catalog.lower(p.option_value) IN ('false', 'fals', 'fal', 'fa', 'f', 'off', 'of', 'no', 'n', '0')) AS disabled,
                pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_threshold') AS threshold,
                pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_scale_factor') AS scale,
                pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_max_threshold') AS cap
           FROM pg_catalog.pg_options_to_table(m.reloptions) p) o ON m.reloptions IS NOT NULL
)
SELECT pg_catalog.quote_ident(j.nspname) || '.' || pg_catalog.quote_ident(j.relname) AS relation,
       j.disabled AS autovacuum_disabled,
       j.dead AS dead_rows,
       j.live AS live_rows,
       pg_catalog.round(100.0 * j.dead / nullif(j.dead + j.live, 0), 1) AS dead_percent,
       pg_catalog.floor(j.trigger_at)::bigint AS trigger_rows,
       pg_catalog.pg_table_size(j.oid) AS bytes,
       pg_catalog.pg_stat_get_last_vacuum_time(j.oid) AS last_vacuum,
       pg_catalog.pg_stat_get_last_autovacuum_time(j.oid) AS last_autovacuum,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp()
         - greatest(pg_catalog.pg_stat_get_last_vacuum_time(j.oid), pg_catalog.pg_stat_get_last_autovacuum_time(j.oid)))::numeric, 1)
         AS since_vacuum_s,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v
                WHERE v.relid = j.oid AND v.datname = pg_catalog.current_database()) AS being_vacuumed,
       pg_catalog.age(c.relfrozenxid) AS xid_age,
       j.reloptions
  FROM judged j
  JOIN pg_catalog.pg_class c ON c.oid = j.oid
 WHERE j.disabled OR j.dead > j.trigger_at
 ORDER BY j.dead DESC, bytes DESC
 LIMIT %(row_limit)s
