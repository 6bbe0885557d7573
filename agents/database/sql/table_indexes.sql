-- summary: The indexes of one table: method, size, scans, validity and definition
-- rows: 100
-- parameter: relation string schema-qualified name, quoted as SQL needs it
-- [server >= 14]
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS index,
       m.amname AS method,
       ARRAY(SELECT coalesce(a.attname::pg_catalog.text, '(expression)')
               FROM pg_catalog.unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY k(number, place)
               LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
              ORDER BY k.place) AS columns,
       i.indpred IS NOT NULL AS partial,
       pg_catalog.pg_relation_size(c.oid) AS bytes,
       pg_catalog.pg_stat_get_numscans(c.oid) AS scans,
       NULL::pg_catalog.timestamptz AS last_scan,
       pg_catalog.pg_stat_get_tuples_returned(c.oid) AS entries_read,
       i.indisprimary AS "primary", i.indisunique AS "unique", i.indisvalid AS valid,
       EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid) AS backs_constraint,
       pg_catalog.left(pg_catalog.pg_get_indexdef(c.oid), 4000) AS definition
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am m ON m.oid = c.relam
 WHERE i.indrelid = pg_catalog.to_regclass(%(relation)s)
 ORDER BY i.indisprimary DESC, bytes DESC, c.relname
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS index,
       m.amname AS method,
       ARRAY(SELECT coalesce(a.attname::pg_catalog.text, '(expression)')
               FROM pg_catalog.unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY k(number, place)
               LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
              ORDER BY k.place) AS columns,
       i.indpred IS NOT NULL AS partial,
       pg_catalog.pg_relation_size(c.oid) AS bytes,
       pg_catalog.pg_stat_get_numscans(c.oid) AS scans,
       pg_catalog.pg_stat_get_lastscan(c.oid) AS last_scan,
       pg_catalog.pg_stat_get_tuples_returned(c.oid) AS entries_read,
       i.indisprimary AS "primary", i.indisunique AS "unique", i.indisvalid AS valid,
       EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid) AS backs_constraint,
       pg_catalog.left(pg_catalog.pg_get_indexdef(c.oid), 4000) AS definition
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am m ON m.oid = c.relam
 WHERE i.indrelid = pg_catalog.to_regclass(%(relation)s)
 ORDER BY i.indisprimary DESC, bytes DESC, c.relname
 LIMIT %(row_limit)s
