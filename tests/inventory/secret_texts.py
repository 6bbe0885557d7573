"""Texts that hold a secret, and texts that only tell of one."""

from __future__ import annotations

WORD_FORMS = (
    "jdbc:postgresql://db1:5432/shop?user=app&password={s}&ssl=true",
    "jdbc:postgresql://db1,db2/shop?sslpassword={s}",
    "jdbc:oracle:thin:app/{s}@//h:1521/x",
    "postgres://app:{s}",
    'psql: error: connection to "postgresql://app:{s}@db1:5432/shop" failed: timeout',
    "host=db1 options='-c app.token={s} -c x=y'",
    "postgresql://db1/shop?options=-c%20app.api_key%3D{s}&sslmode=require",
    "CREATE SUBSCRIPTION s CONNECTION 'host=p user=r password={s}' PUBLICATION x",
    "CREATE SUBSCRIPTION s CONNECTION 'host=p password=''{s} x''' PUBLICATION x",
    "CREATE USER MAPPING FOR app SERVER f OPTIONS (user 'x', password '{s}')",
    "SELECT dblink_connect('c', 'host=x user=y password={s}')",
    "SELECT dblink_connect_u('postgresql://u:{s}@h/d')",
    "ALTER ROLE app PASSWORD'{s}'",
    "IDENTIFIED BY '{s}'",
    "SET app.jwt_secret TO '{s}'",
    "SELECT set_config('app.secret_key', '{s}', false)",
    "SELECT pgp_sym_decrypt(card, '{s}') FROM cards",
    "UPDATE u SET hash = crypt('{s}', gen_salt('bf'))",
    "DETAIL:  Key (reset_token)=({s}) already exists.",
    "password := '{s}'",
    "*:*:*:app:{s}",
    "localhost:6432:*:postgres:{s}",
    "machine db1 login app password {s}",
    "MYSQL_PWD={s}",
    "DB_PASS={s}",
    "export PGPASSWORD='{s}'",
    "mysqldump --user=app --password {s} orders",
    "AccountKey={s};EndpointSuffix=y",
    "<dbPassword>{s}</dbPassword>",
    "AKIA{u}", "ASIA{u}", "aws_secret_access_key = {s}", "AWS_SESSION_TOKEN={s}",
    "AIza{s}{s}", "ya29.{s}{s}", "sk-ant-api03-{s}", "sk-proj-{s}", "ghp_{s}{s}", "github_pat_{s}_{s}",
    "glpat-{s}{s}", "xoxb-{s}", "hvs.{s}{s}", "npm_{s}{s}",
    "https://hooks.slack.com/services/T000/B000/{s}",
    "https://me:{s}@example.com/x", "https://{s}{s}@example.com/x",
    "https://x.example/?access_token={s}#x", "https://x.example/?sig={s}&se=1",
    "Proxy-Authorization: Basic {s}", "curl -u x -H 'authorization: bearer {s}'",
    "Cookie: session={s}; theme=dark", "Set-Cookie: sid={s}; HttpOnly", "X-Vault-Token: {s}",
    "-----BEGIN PRIVATE KEY-----\n{s}\n-----END PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----\n{s}",
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  anything: {b}\n  other: {b}\n",
    '{{"kind": "Secret", "data": {{"anything": "{b}", "x": "{b}"}}}}',
    "The password: {s} (change it)", "password: {s} is wrong",
)  # fmt: skip
"""`{s}` is a word of letters and digits, `{u}` one of capitals, `{b}` the word in base64."""

NEAR_MISSES = r"""
FATAL:  password authentication failed for user "app"
password_encryption = 'scram-sha-256'
password_encryption: scram-sha-256
ssl_passphrase_command_supports_reload=off
postgresql://db1:5432/shop
postgresql://app@[::1]:5432/shop
expected host=… dbname=… or postgresql://user@host:5432/database
http://127.0.0.1:8080/path at 12:34:56
https://example.com:8443/a@b
git@github.com:org/repo
ALTER ROLE app PASSWORD NULL
connection to server at "db1" (10.0.0.1), port 5432 failed: timeout expired
SELECT token, secret FROM vault WHERE primary_key = 5
SELECT 'token' AS kind, secret FROM vault
SELECT * FROM a JOIN b ON a.id = b.id AND a.token = b.token WHERE b.password = $1
SELECT * FROM t WHERE api_key = ANY($1)
UPDATE users SET password = crypt($1, gen_salt($2))
Index Cond: (password = $1)
Filter: (token IS NOT NULL)
Sort Key: orders.created_at
Conflict Arbiter Indexes: users_token_key
CREATE TABLE users (id int, password text, token uuid DEFAULT gen_random_uuid())
column "password": text
table tokens, column token: text
DETAIL:  Key (id)=(7) already exists.
DETAIL:  Key (token_id)=(7) already exists.
ERROR:  syntax error at or near token: ")"
unexpected token: <
token: unexpected end of input
what is token: a table or a view?
passfile=/home/app/.pgpass sslkey=/etc/key.pem
private_key: /etc/ssl/private/ssl-cert-snakeoil.key
server_key=/etc/server.key
could not open file "/etc/passwd": Permission denied
/etc/passwd: No such file or directory
cat: /run/secrets/db_password: No such file or directory
~/.pgpass: is open to others (0644): chmod 600 ~/.pgpass
PWD=/work OLDPWD=/root
password=None
password: (none)
password: missing
Access token: expired
"password": null, "token": true, "secret": false
the password's file is not there
write password = { env = "SHOP_PASSWORD" } there
role.md5_password: 3 roles keep MD5 hashes
database a sslpassword: /work/h/.config/helpdesk/inventory.toml:2, in the file
password: *** is hidden already
secret: environment variable X, missing
credentials: helpdesk secrets list
The token: see https://x.example
index orders_secret_key: 12 MB
table public.api_token: autovacuum is late
relation "auth.password": 5000 dead rows
max_tokens: 8192, output_tokens = 8192
token: 12 of 300
bearer token expired; Bearer authentication; Basic authentication
authorization: none
cookie: consent
sk-learn-contrib and task-force-one are installed
db1:5432:orders:app: connection reset
00:11:22:33:44:55
test.sql:12:5:error:expected ;
pass=3 fail=0
--token TEXT
md5 and scram-sha-256 authentication
""".strip().splitlines()
"""Text that tells of secrets and holds none: to mask a word of it destroys what it says."""
