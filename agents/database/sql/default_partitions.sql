-- summary: DEFAULT partitions that hold rows
-- rows: 100
-- [server >= 14]
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS relation,
       pg_catalog.quote_ident(dn.nspname) || '.' || pg_catalog.quote_ident(d.relname) AS default_partition,
       CASE p.partstrat WHEN 'r' THEN 'range' WHEN 'l' THEN 'list' ELSE p.partstrat::pg_catalog.text END AS strategy,
       greatest(pg_catalog.pg_stat_get_live_tuples(d.oid), d.reltuples::bigint, 0) AS rows,
       greatest(d.relpages, 0)::bigint * pg_catalog.current_setting('block_size')::integer AS bytes,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_inherits h WHERE h.inhparent = p.partrelid) AS partitions,
       pg_catalog.left(pg_catalog.pg_get_partkeydef(p.partrelid), 500) AS partition_key
  FROM pg_catalog.pg_partitioned_table p
  JOIN pg_catalog.pg_class t ON t.oid = p.partrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_catalog.pg_class d ON d.oid = p.partdefid
  JOIN pg_catalog.pg_namespace dn ON dn.oid = d.relnamespace
 WHERE greatest(pg_catalog.pg_stat_get_live_tuples(d.oid), d.reltuples::bigint, 0) > 0
 ORDER BY rows DESC, d.oid
 LIMIT %(row_limit)s
