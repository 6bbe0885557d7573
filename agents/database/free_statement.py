"""A statement that somebody typed: parsed by PostgreSQL's own grammar, and let through where it only reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.kernel.tool import Refused
from inventory.masking import inert

LONGEST = 20_000
"""Characters; more is a program, and a parser's stack is finite."""
EXPECTED = "expected one SELECT, VALUES, TABLE, SHOW or EXPLAIN without ANALYZE"
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""NUL, and the halves of characters that stand for bytes which are no UTF-8."""
_OFF = frozenset({"false", "off", "0"})
_PARTS = {
    "IntoClause": "SELECT INTO makes a table",
    "LockingClause": "it locks rows (FOR UPDATE, FOR SHARE …)",
    "ParamRef": "$1 has no value here; write the value",
}


@dataclass(frozen=True, slots=True)
class FreeStatement:
    """A statement that reads as far as its text tells, and the names it uses that the server must judge."""

    text: str
    functions: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    """Names after a dot: `row.name` calls the function `name` where the row has no such column."""
    operators: frozenset[str] = frozenset()


def read_statement(text: str) -> FreeStatement:
    """The one statement in `text`. Raises Refused with one line that says where and why."""
    from pglast import ast
    from pglast.parser import ParseError, parse_sql

    if len(text) > LONGEST:
        raise Refused(f"the statement has {len(text)} characters, expected {LONGEST} at most")
    if found := _NO_TEXT.search(text):
        raise Refused(f"the statement holds {inert(found[0])}, which is no character of a text")
    try:
        statements = parse_sql(text)
    except ParseError as error:
        raise Refused(_not_understood(error, text)) from None
    if len(statements) != 1:
        raise Refused(f"{len(statements)} statements; {EXPECTED}")
    top = statements[0].stmt
    if isinstance(top, ast.ExplainStmt):
        _check_explain(top)
        top = top.query
    if isinstance(top, ast.VariableShowStmt):
        return FreeStatement(text)
    if not isinstance(top, ast.SelectStmt):
        raise Refused(f"{_named(top)} is not run from here; {EXPECTED}")
    nodes = list(_nodes(top))
    _check_nodes(nodes)
    return FreeStatement(text, *(frozenset(names(nodes)) for names in (_functions, _fields, _operators)))


def _not_understood(error: Any, text: str) -> str:
    what, index = error.args[0], _index(error, text)
    if index is None:
        return f"the statement is not understood: {what}; {EXPECTED}"
    before = text[:index]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f"the statement is not understood at line {line}, column {column}: {what}"


def _index(error: Any, text: str) -> int | None:
    """Where the parser stopped. In text beyond ASCII it counts wrongly; to it, such a character is any letter."""
    from pglast.parser import ParseError, parse_sql

    if not text.isascii():
        try:
            parse_sql("".join(char if char.isascii() else "x" for char in text))
            return None
        except ParseError as same:
            error = same
    return error.args[1] if len(error.args) > 1 else None


def _check_explain(explain: Any) -> None:
    for option in explain.options or ():
        value = getattr(option.arg, "sval", getattr(option.arg, "ival", True))
        if option.defname == "analyze" and str(value).lower() not in _OFF:
            raise Refused("EXPLAIN ANALYZE runs the statement; leave ANALYZE out")


def _check_nodes(nodes: list[Any]) -> None:
    for node in nodes:
        name = type(node).__name__
        if name.endswith("Stmt") and name != "SelectStmt":
            raise Refused(f"it holds {_named(node)}; {EXPECTED}")
        if name in _PARTS:
            raise Refused(_PARTS[name])


def _named(node: Any) -> str:
    """`DeclareCursorStmt` → `DECLARE CURSOR`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", type(node).__name__.removesuffix("Stmt")).upper()


def _nodes(top: Any) -> Iterator[Any]:
    """The tree's nodes; without recursion, as its depth is whoever typed it's choice."""
    from pglast.ast import Node

    waiting = [top]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Node):
            yield item
            waiting.extend(getattr(item, slot, None) for slot in item)
        elif isinstance(item, (tuple, list)):
            waiting.extend(item)


def _functions(nodes: list[Any]) -> Iterator[str]:
    """Names that are called; also as `(value).name`, which is a call of `name` for a value of any type."""
    for node in nodes:
        if type(node).__name__ == "FuncCall":
            yield node.funcname[-1].sval
        elif type(node).__name__ == "A_Indirection":
            yield from (part.sval for part in node.indirection if type(part).__name__ == "String")


def _fields(nodes: list[Any]) -> Iterator[str]:
    for node in nodes:
        if type(node).__name__ == "ColumnRef":
            yield from (part.sval for part in node.fields[1:] if type(part).__name__ == "String")


def _operators(nodes: list[Any]) -> Iterator[str]:
    for node in nodes:
        for slot in ("name", "operName", "useOp"):
            value = getattr(node, slot, None)
            if isinstance(value, tuple) and value and type(value[-1]).__name__ == "String":
                yield value[-1].sval
