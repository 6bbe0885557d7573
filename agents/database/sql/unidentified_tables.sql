-- summary: Published tables whose rows can't be told apart: UPDATE and DELETE on them fail
-- [server >= 14]
SELECT p.pubname AS publication,
       pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS relation,
       CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing' WHEN 'i' THEN 'index' END AS identity,
       p.pubupdate AS updates, p.pubdelete AS deletes
  FROM pg_catalog.pg_publication p
 CROSS JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname::text) t
  JOIN pg_catalog.pg_class c ON c.oid = t.relid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE (p.pubupdate OR p.pubdelete)
   AND (c.relreplident = 'n'
        OR c.relreplident = 'd' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index i
                                                 WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid)
        OR c.relreplident = 'i' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index i
                                                 WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid))
 ORDER BY n.nspname, c.relname, p.pubname
 LIMIT %(row_limit)s
