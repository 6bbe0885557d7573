-- summary: The columns of one table: type, whether they may be null, and what the planner believes of their values
-- rows: 500
-- grant: GRANT pg_read_all_data TO {role}
-- parameter: relation string schema-qualified name, quoted as SQL needs it
-- [server >= 14]
SELECT a.attname AS column_name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       NOT a.attnotnull AS nullable,
       s.null_frac AS null_share,
       s.n_distinct AS distinct_values,
       s.avg_width AS average_bytes,
       s.correlation
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stats s
    ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
 WHERE c.oid = pg_catalog.to_regclass(%(relation)s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
 LIMIT %(row_limit)s
