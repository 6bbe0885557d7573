-- summary: Whether everybody may create objects in the schema public
-- rows: 1
-- [server >= 14]
SELECT n.nspname AS schema, a.privilege_type AS privilege
  FROM pg_catalog.pg_namespace n
 CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
 WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE'
 LIMIT %(row_limit)s
