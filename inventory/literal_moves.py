"""A secret in a TOML file of ours replaced by a reference to it; all else in the file, comments too, stays."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

from inventory.dsn import parse_dsn, to_conninfo
from inventory.errors import UserError
from inventory.literal_secrets import ROLES, Literal
from inventory.secrets import SecretRef

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_TOKEN_KEY = re.compile(r"token([\"']?\s*=\s*)\Z")


def without_literal(text: str, literal: Literal, ref: SecretRef | None) -> str:
    """`text` with a reference in the place of the secret, or without a reference its digest. Raises UserError (exit 2)."""
    data = tomllib.loads(text)
    old, wanted = _at(data, literal), _wanted(data, literal, ref)
    for token in _STRING.finditer(text):
        if _value(token[0]) != old:
            continue
        for made in _rewritten(text, token, literal, old, ref):
            if _parsed(made) == wanted:
                return made
    raise UserError(
        f"{literal.path}:{literal.line(text)}: {literal.keys[-1]} cannot be rewritten; put"
        f" {_inline(ref) if ref else f'the digest of the token in {ROLES}'} there yourself"
    )


def _at(data: dict[str, Any], literal: Literal) -> str:
    found: Any = data
    for key in literal.keys:
        found = found[key]
    return str(found)


def _wanted(data: dict[str, Any], literal: Literal, ref: SecretRef | None) -> dict[str, Any]:
    """What the file is to mean."""
    wanted = deepcopy(data)
    table = wanted
    for key in literal.keys[:-1]:
        table = table[key]
    if literal.keyword:
        assert ref is not None
        table["dsn"] = _shorter(literal, table["dsn"])
        table.setdefault(literal.keyword, ref.to_toml())
    elif ref is not None:
        table[literal.keys[-1]] = ref.to_toml()
    else:
        del table[literal.keys[-1]]
        table["token_sha256"] = _digest(literal)
    return wanted


def _digest(literal: Literal) -> str:
    return hashlib.sha256(literal.value.encode()).hexdigest()


def _shorter(literal: Literal, dsn: str) -> str:
    """The connection string without the secret: as it was written where that can be, else anew."""
    parameters = parse_dsn(dsn, str(literal.path))
    del parameters[literal.keyword]
    cuts = [(rf"(?:^|\s+){literal.keyword}\s*=\s*(?:'(?:[^'\\]|\\.)*'|(?:\\.|[^\s\\])+)", "")]
    cuts += [(rf"([?&]){literal.keyword}=[^&]*&", r"\1"), (rf"[?&]{literal.keyword}=[^&]*\Z", "")]
    if literal.keyword == "password":
        cuts.append((r"^(\s*\w+://[^:/@]*):[^@]*@", r"\1@"))
    for pattern, instead in cuts:
        shorter = re.sub(pattern, instead, dsn).strip()
        with suppress(UserError):
            if shorter != dsn and parse_dsn(shorter, str(literal.path)) == parameters:
                return shorter
    return to_conninfo(parameters)


def _rewritten(
    text: str, token: re.Match[str], literal: Literal, old: str, ref: SecretRef | None
) -> Iterator[str]:
    """Ways to write it: on a line of its own, or inside the braces of an entry on one line."""
    before, after = text[: token.start()], text[token.end() :]
    if ref is None:
        yield _TOKEN_KEY.sub(r"token_sha256\1", before) + _quoted(_digest(literal)) + after
        return
    if not literal.keyword:
        yield f"{before}{_inline(ref)}{after}"
        return
    dsn, key = _quoted(_shorter(literal, old)), f"{literal.keyword} = {_inline(ref)}"
    rest, newline, below = after.partition("\n")
    prefix = before[before.rfind("\n") + 1 :].partition("=")[0].rstrip().removesuffix("dsn")
    yield f"{before}{dsn}{rest}\n{prefix}{key}{newline}{below}"
    yield f"{before}{dsn}, {key}{after}"
    # The entry names it elsewhere already: what is in the string goes.
    yield f"{before}{dsn}{after}"


def _inline(ref: SecretRef) -> str:
    return f"{{ {ref.kind} = {_quoted(ref.name)} }}"


def _quoted(text: str) -> str:
    import tomli_w

    return tomli_w.dumps({"x": text}).partition("=")[2].strip()


def _value(token: str) -> object:
    return (_parsed(f"x = {token}") or {}).get("x")


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
