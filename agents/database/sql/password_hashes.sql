-- summary: Roles whose password is kept as an MD5 hash (the hash itself isn't read out)
-- grant: GRANT SELECT (rolname, rolcanlogin, rolpassword) ON pg_catalog.pg_authid TO {role}
-- [server >= 14]
SELECT a.rolname AS role, a.rolcanlogin AS login, pg_catalog.current_setting('password_encryption') AS encryption
  FROM pg_catalog.pg_authid a
 WHERE a.rolpassword LIKE 'md5%%'
 ORDER BY a.rolcanlogin DESC, a.rolname
 LIMIT %(row_limit)s
