"""Secrets made at run time, each in a form in which one was seen to leak."""

from __future__ import annotations

import base64
import json
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Planted:
    """A text with a secret in it."""

    form: str
    text: str
    secret: str


def word(length: int = 14) -> str:
    """Letters and digits, as a generator of passwords makes them; at least one of each."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length - 2)) + "q7"


def b64(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


def _key_block() -> tuple[str, str]:
    body = base64.b64encode(secrets.token_bytes(600)).decode()
    lines = "\n".join(body[place : place + 64] for place in range(0, len(body), 64))
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----", body[64:128]


def _jwt() -> tuple[str, str]:
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"sub": word()})]
    signature = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    joined = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return f"{joined}.{signature}", signature


FORMS: dict[str, str] = {
    "keyword string": "host=db1 user=app password={s} dbname=orders",
    "keyword string, quoted": "host=db1 password = '{s}' user=app",
    "keyword string, escaped": "host=db1 password='it\\'s {s}' user=app",
    "keyword string, sslpassword": "host=db1 sslkey=/k sslpassword={s} user=app",
    "URI": "postgresql://app:{s}@db1:5432/orders?sslmode=require",
    "URI, password with signs": "postgresql://app:a/b@{s}@db1/orders",
    "URI, in the query": "postgresql://db1/orders?user=app&password={s}&sslmode=require",
    "URI, several": "see postgres://a:{s}@h1/x,postgres://b:{s}@h2/y",
    "URI, no user": "redis://:{s}@cache:6379/0",
    "URI, jdbc": "jdbc:postgresql://db1/orders?user=app&password={s}",
    "ADO": "Server=db1;Database=orders;User Id=app;Password={s};Timeout=30",
    "subconninfo": "CREATE SUBSCRIPTION s CONNECTION 'host=pub user=repl password={s}' PUBLICATION p",
    "primary_conninfo": "primary_conninfo = 'user=repl password={s} host=10.0.0.1'",
    "archive_command": "archive_command = 'PGPASSWORD={s} wal-push %p'",
    "restore_command": "restore_command = 'aws --secret-access-key {s} s3 cp s3://wal/%f %p'",
    "ALTER ROLE": "ALTER ROLE app PASSWORD '{s}'",
    "ALTER ROLE, E string": "alter user app with encrypted password E'{s}\\n' valid until 'infinity'",
    "ALTER ROLE, dollar": "ALTER ROLE app PASSWORD $x${s}$x$",
    "ALTER ROLE, doubled": "DO $$ BEGIN EXECUTE 'ALTER ROLE app PASSWORD ''{s}'''; END $$",
    "ALTER ROLE, cut off": "ALTER ROLE app VALID UNTIL 'infinity' PASSWORD '{s}",
    "ALTER ROLE, lines": "ALTER ROLE app\n  PASSWORD\n  '{s}'",
    "log line": "2026-11-20 02:11:09 UTC [4711] app@orders STATEMENT:  ALTER ROLE app PASSWORD '{s}';",
    "user mapping": "CREATE USER MAPPING FOR app SERVER far OPTIONS (user 'bob', password '{s}')",
    "dblink": "SELECT * FROM dblink('host=far user=bob password={s}', 'SELECT 1') AS t(x int)",
    "application_name": "application_name=postgres://app:{s}@db1/orders",
    "DETAIL key": "DETAIL:  Key (reset_token)=({s}) already exists.",
    "DETAIL row": "DETAIL:  Failing row contains (17, bob, {s}, null).",
    "DETAIL parameters": "DETAIL:  parameters: $1 = '17', $2 = '{s}'",
    "SET": "SET app.jwt_secret = '{s}'",
    "SET TO": "SET app.api_key TO '{s}'",
    "set_config": "SELECT set_config('app.secret_key', '{s}', false)",
    "pgcrypto": "SELECT pgp_sym_decrypt(card, '{s}') FROM cards",
    "crypt": "UPDATE users SET hash = crypt('{s}', gen_salt('bf')) WHERE id = 1",
    "where": "SELECT 1 FROM users WHERE name = 'bob' AND password = '{s}'",
    "environment": "export PGPASSWORD={s}",
    "environment, pass": "DB_PASS={s}",
    "environment, compose": "      POSTGRES_PASSWORD: {s}",
    "environment, quoted": 'MYSQL_PWD="{s}"',
    "pgpass": "db1:5432:orders:app:{s}",
    "pgpass, stars": "*:*:*:app:{s}",
    "netrc": "machine db1 login app password {s}",
    "flag": "mysqldump --user=app --password {s} orders",
    "flag, equals": "curl --token={s} https://api",
    "JSON": '{{"user": "app", "password": "{s}"}}',
    "JSON, in JSON": '{{"config": "{{\\"user\\": \\"app\\", \\"db_password\\": \\"{s}\\"}}"}}',
    "JSON, camel": '{{"clientSecret": "{s}"}}',
    "JSON, cut off": '{{"user": "app", "password": "{s}", "host": "db',
    "name and value": '{{"name": "DB_PASSWORD", "value": "{s}"}}',
    "name and value, YAML": "env:\n- name: DB_PASSWORD\n  value: {s}\n",
    "name, value on the next line": "password:\n  {s}\n",
    "heading, value on the next line": "Password:\n{s}\n",
    "YAML block": "password: |\n  {s}\n  more\nuser: app",
    "XML": "<dbPassword>{s}</dbPassword>",
    "authorization": "Authorization: Bearer {s}",
    "authorization, curl": "curl -H 'authorization: Token {s}' https://api",
    "cookie": "Cookie: session={s}; theme=dark",
    "API key header": "X-Api-Key: {s}",
    "storage key": "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={s};EndpointSuffix=y",
    "prose": "The password: {s} (change it)",
}
"""`{s}` is where the secret goes."""


def planted() -> Iterator[Planted]:
    """Every form with a secret of its own."""
    for form, text in FORMS.items():
        secret = word()
        yield Planted(form, text.format(s=secret), secret)
    secret = word()
    yield Planted("URI, percent-encoded", f"next=postgres%3A%2F%2Fapp%3A{secret}%40db1%2Forders", secret)
    secret = f"{word(8)}&=%{word(8)}"
    yield Planted("URI, signs in percent", f"postgres://app:{quote(secret, safe='')}@db1/orders", secret)
    for form, text in (
        ("base64 DSN", "postgres://app:{}@db1/orders"),
        ("base64 keyword string", "host=db1 password={} user=app"),
        ("base64 environment", "PGPASSWORD={}\n"),
        ("base64 JSON", '{{"auths": {{"r.io": {{"password": "{}"}}}}}}'),
    ):
        secret = word()
        yield Planted(form, f"data: {b64(text.format(secret))}", secret)
    secret = word()
    yield Planted("base64, twice", b64(b64(f"password={secret}")), secret)
    secret = word()
    encoded = b64(f"$password = '{secret}'", "utf-16-le")
    yield Planted("base64, UTF-16", f"powershell -enc {encoded}", secret)
    secret = word()
    wrapped = b64(
        f"some words before that fill lines; password={secret}; and some words after it, for the length"
    )
    lines = "\n".join(wrapped[place : place + 60] for place in range(0, len(wrapped), 60))
    yield Planted("base64, lines", lines, secret)
    secret = word()
    yield Planted("base64, behind a path", f"https://h/x/{b64(f'postgres://a:{secret}@h/d')}", secret)
    secret = word()
    yield Planted("bytea", f"\\x{f'password={secret} host=x'.encode().hex()}", secret)
    yield from _tokens()


def _tokens() -> Iterator[Planted]:
    block, line = _key_block()
    yield Planted("private key", f"ssl_key:\n{block}\n", line)
    block, line = _key_block()
    yield Planted("private key, one line", block.replace("\n", "\\n"), line)
    block, line = _key_block()
    yield Planted("private key, cut off", block[:400], line)
    token, signature = _jwt()
    yield Planted("JWT", f"token {token} rejected", signature)
    secret = "AKIA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16))
    yield Planted("AWS key id", f"using {secret} for s3", secret)
    secret = base64.b64encode(secrets.token_bytes(48)).decode().replace("/", "a").replace("+", "b")
    # Nearly all have some digits; without them it could be a name.
    secret += "4711"
    yield Planted("AWS secret, bare", f"uploading with {secret} to s3", secret)
    secret = f"ghp_{word(36)}"
    yield Planted("GitHub token", f"git clone https://{secret}@github.com/x/y", secret)
    secret = f"sk-ant-{word(40)}"
    yield Planted("model key", f"using {secret}", secret)
    secret = f"{b64(word(16))}${b64(word(32))}:{b64(word(32))}"
    yield Planted("SCRAM verifier", f"rolpassword SCRAM-SHA-256$4096:{secret}", secret.split(":")[1])
    secret = secrets.token_hex(16)
    yield Planted("md5 verifier", f"app | md5{secret}", secret)
