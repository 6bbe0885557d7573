-- summary: Tables whose planner statistics are missing, or older than what starts an automatic ANALYZE
-- rows: 100
-- [server >= 14]
WITH measured AS MATERIALIZED (
  SELECT c.oid, c.relname, n.nspname, c.relpages, c.reltuples, c.reloptions,
         pg_catalog.pg_stat_get_live_tuples(c.oid) AS live,
         pg_catalog.pg_stat_get_mod_since_analyze(c.oid) AS modified,
         greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid), pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)) AS analyzed
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
), judged AS (
  SELECT m.*, coalesce(o.disabled, false) AS disabled,
         coalesce(o.threshold, pg_catalog.current_setting('autovacuum_analyze_threshold'))::float8
           + coalesce(o.scale, pg_catalog.current_setting('autovacuum_analyze_scale_factor'))::float8 * greatest(m.reltuples, 0) AS trigger_at,
         CASE WHEN m.analyzed IS NOT NULL THEN false
              WHEN m.reltuples < 0 THEN true
              WHEN NOT pg_catalog.has_table_privilege(m.oid, 'SELECT') OR pg_catalog.row_security_active(m.oid) THEN false
              ELSE NOT EXISTS (SELECT FROM pg_catalog.pg_stats s WHERE s.schemaname = m.nspname AND s.tablename = m.relname) END AS never
    FROM measured m
    LEFT JOIN LATERAL (
         SELECT pg_catalog.bool_or(p.option_name = 'autovacuum_enabled'
                  AND pg_catalog.lower(p.option_value) IN ('false', 'fals', 'fal', 'fa', 'f', 'off', 'of', 'no', 'n', '0')) AS disabled,
                pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_analyze_threshold') AS threshold,
                pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_analyze_scale_factor') AS scale
           FROM pg_catalog.pg_options_to_table(m.reloptions) p) o ON m.reloptions IS NOT NULL
)
SELECT pg_catalog.quote_ident(j.nspname) || '.' || pg_catalog.quote_ident(j.relname) AS relation,
       j.never AS never_analyzed,
       j.modified AS modified_rows,
       pg_catalog.floor(j.trigger_at)::bigint AS trigger_rows,
       j.live AS live_rows,
       j.reltuples::bigint AS planner_rows,
       CASE WHEN j.reltuples < 0 THEN pg_catalog.pg_relation_size(j.oid)
            ELSE j.relpages::bigint * pg_catalog.current_setting('block_size')::integer END AS bytes,
       j.analyzed AS last_analyze,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - j.analyzed)::numeric, 1) AS since_analyze_s,
       j.disabled AS autovacuum_disabled
  FROM judged j
 WHERE j.modified > j.trigger_at
    OR j.never AND (j.reltuples > 0 OR j.live > 0 OR j.reltuples < 0 AND pg_catalog.pg_relation_size(j.oid) > 0)
 ORDER BY bytes DESC, j.oid
 LIMIT %(row_limit)s
