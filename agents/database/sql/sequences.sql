-- summary: Sequences that can run out, with the column they fill and the share of numbers that is used
-- rows: 100
-- grant: GRANT pg_read_all_data TO {role}
-- [server >= 14]
WITH bounded AS MATERIALIZED (
  SELECT s.seqrelid, s.seqmin, s.seqmax, s.seqincrement, s.seqtypid, a.attrelid, a.attname, a.atttypid,
         least(s.seqmax, CASE a.atttypid WHEN 'pg_catalog.int2'::pg_catalog.regtype THEN 32767
                                         WHEN 'pg_catalog.int4'::pg_catalog.regtype THEN 2147483647 ELSE 9223372036854775807 END) AS ceiling,
         greatest(s.seqmin, CASE a.atttypid WHEN 'pg_catalog.int2'::pg_catalog.regtype THEN -32768
                                            WHEN 'pg_catalog.int4'::pg_catalog.regtype THEN -2147483648 ELSE -9223372036854775808 END) AS bottom
    FROM pg_catalog.pg_sequence s
    LEFT JOIN LATERAL (
         SELECT d.refobjid AS relid, d.refobjsubid AS number
           FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = s.seqrelid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
          UNION
         SELECT f.adrelid, f.adnum
           FROM pg_catalog.pg_depend d
           JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
          WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = s.seqrelid
            AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass) f ON true
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = f.relid AND a.attnum = f.number
   WHERE NOT s.seqcycle
), looked AS MATERIALIZED (
  SELECT b.*, c.relname, n.nspname,
         pg_catalog.has_sequence_privilege(b.seqrelid, 'USAGE, SELECT') AS readable,
         CASE WHEN pg_catalog.has_sequence_privilege(b.seqrelid, 'USAGE, SELECT')
              THEN pg_catalog.pg_sequence_last_value(b.seqrelid) END AS last_value
    FROM bounded b
    JOIN pg_catalog.pg_class c ON c.oid = b.seqrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE b.ceiling - 1 < 9223372036854775806 AND c.relpersistence = 'p'
)
SELECT pg_catalog.quote_ident(l.nspname) || '.' || pg_catalog.quote_ident(l.relname) AS sequence,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS relation,
       l.attname AS "column",
       pg_catalog.format_type(l.atttypid, NULL) AS column_type,
       pg_catalog.format_type(l.seqtypid, NULL) AS sequence_type,
       EXISTS (SELECT FROM pg_catalog.pg_index i
                WHERE i.indrelid = l.attrelid AND i.indisprimary
                  AND (SELECT a.attnum FROM pg_catalog.pg_attribute a
                        WHERE a.attrelid = l.attrelid AND a.attname = l.attname) = ANY (i.indkey::int2[])) AS in_primary_key,
       l.last_value, l.ceiling, l.bottom,
       pg_catalog.round(100 * CASE WHEN l.seqincrement > 0
         THEN (l.last_value::numeric - l.bottom) / nullif(l.ceiling::numeric - l.bottom, 0)
         ELSE (l.ceiling::numeric - l.last_value) / nullif(l.ceiling::numeric - l.bottom, 0) END, 2) AS used_percent,
       l.readable
  FROM looked l
  LEFT JOIN pg_catalog.pg_class t ON t.oid = l.attrelid
  LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
 ORDER BY used_percent DESC NULLS LAST, l.seqrelid
 LIMIT %(row_limit)s
