-- summary: One table: rows, sizes, scans, changes, vacuum and analyze history, storage options
-- rows: 1
-- parameter: relation string schema-qualified name, quoted as SQL needs it
-- [server >= 14]
SELECT c.oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       n.nspname AS schema_name,
       c.relname AS table_name,
       CASE c.relkind WHEN 'p' THEN 'partitioned table' WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind,
       c.relispartition AS is_partition,
       pg_catalog.pg_get_userbyid(c.relowner) AS owner,
       greatest(c.reltuples, 0)::bigint AS planner_rows,
       pg_catalog.pg_stat_get_live_tuples(c.oid) AS live_rows,
       pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead_rows,
       pg_catalog.pg_relation_size(c.oid) AS heap_bytes,
       pg_catalog.pg_indexes_size(c.oid) AS index_bytes,
       CASE WHEN c.reltoastrelid <> 0 THEN pg_catalog.pg_total_relation_size(c.reltoastrelid) END AS toast_bytes,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid) AS indexes,
       EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_primary_key,
       CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' ELSE 'index' END AS replica_identity,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       pg_catalog.pg_stat_get_numscans(c.oid) AS seq_scans,
       pg_catalog.pg_stat_get_tuples_returned(c.oid) AS seq_rows,
       NULL::pg_catalog.timestamptz AS last_seq_scan,
       coalesce((SELECT pg_catalog.sum(pg_catalog.pg_stat_get_numscans(i.indexrelid))
                   FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid), 0)::bigint AS index_scans,
       pg_catalog.pg_stat_get_tuples_inserted(c.oid) AS inserts,
       pg_catalog.pg_stat_get_tuples_updated(c.oid) AS updates,
       pg_catalog.pg_stat_get_tuples_hot_updated(c.oid) AS hot_updates,
       pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS deletes,
       pg_catalog.pg_stat_get_mod_since_analyze(c.oid) AS modified_since_analyze,
       greatest(pg_catalog.pg_stat_get_last_vacuum_time(c.oid), pg_catalog.pg_stat_get_last_autovacuum_time(c.oid)) AS last_vacuum,
       greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid), pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)) AS last_analyze,
       CASE WHEN c.relfrozenxid <> '0'::pg_catalog.xid THEN pg_catalog.age(c.relfrozenxid) END AS xid_age,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_analyze p
                WHERE p.relid = c.oid AND p.datname = pg_catalog.current_database()) AS being_analyzed,
       c.reloptions
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = pg_catalog.to_regclass(%(relation)s) AND c.relkind IN ('r', 'm', 'p')
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT c.oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS relation,
       n.nspname AS schema_name,
       c.relname AS table_name,
       CASE c.relkind WHEN 'p' THEN 'partitioned table' WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind,
       c.relispartition AS is_partition,
       pg_catalog.pg_get_userbyid(c.relowner) AS owner,
       greatest(c.reltuples, 0)::bigint AS planner_rows,
       pg_catalog.pg_stat_get_live_tuples(c.oid) AS live_rows,
       pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead_rows,
       pg_catalog.pg_relation_size(c.oid) AS heap_bytes,
       pg_catalog.pg_indexes_size(c.oid) AS index_bytes,
       CASE WHEN c.reltoastrelid <> 0 THEN pg_catalog.pg_total_relation_size(c.reltoastrelid) END AS toast_bytes,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid) AS indexes,
       EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_primary_key,
       CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' ELSE 'index' END AS replica_identity,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       pg_catalog.pg_stat_get_numscans(c.oid) AS seq_scans,
       pg_catalog.pg_stat_get_tuples_returned(c.oid) AS seq_rows,
       pg_catalog.pg_stat_get_lastscan(c.oid) AS last_seq_scan,
       coalesce((SELECT pg_catalog.sum(pg_catalog.pg_stat_get_numscans(i.indexrelid))
                   FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid), 0)::bigint AS index_scans,
       pg_catalog.pg_stat_get_tuples_inserted(c.oid) AS inserts,
       pg_catalog.pg_stat_get_tuples_updated(c.oid) AS updates,
       pg_catalog.pg_stat_get_tuples_hot_updated(c.oid) AS hot_updates,
       pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS deletes,
       pg_catalog.pg_stat_get_mod_since_analyze(c.oid) AS modified_since_analyze,
       greatest(pg_catalog.pg_stat_get_last_vacuum_time(c.oid), pg_catalog.pg_stat_get_last_autovacuum_time(c.oid)) AS last_vacuum,
       greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid), pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)) AS last_analyze,
       CASE WHEN c.relfrozenxid <> '0'::pg_catalog.xid THEN pg_catalog.age(c.relfrozenxid) END AS xid_age,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_analyze p
                WHERE p.relid = c.oid AND p.datname = pg_catalog.current_database()) AS being_analyzed,
       c.reloptions
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = pg_catalog.to_regclass(%(relation)s) AND c.relkind IN ('r', 'm', 'p')
 LIMIT %(row_limit)s
