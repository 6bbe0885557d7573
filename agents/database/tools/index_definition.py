"""The definition of an index, as the server prints it: one CREATE INDEX, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from agents.database.wording import quoted
from agents.kernel.tool import Refused

_HEAD = re.compile(r"CREATE (UNIQUE )?INDEX ")


@dataclass(frozen=True, slots=True)
class Definition:
    text: str
    index: str
    """Its name, without a schema: an index is in its table's."""
    relation: str
    """The table, qualified and quoted."""

    @classmethod
    def of(cls, text: str) -> Self:
        """Read by PostgreSQL's grammar. Raises Refused where it is no definition as pg_get_indexdef gives it."""
        from pglast.ast import IndexStmt
        from pglast.parser import ParseError, parse_sql

        expected = "expected one CREATE INDEX as pg_get_indexdef gives it"
        if "\x00" in text:
            raise Refused(f"the definition holds a NUL character; {expected}")
        try:
            statements = parse_sql(text)
        except ParseError as error:
            raise Refused(f"the definition is not understood: {error.args[0]}; {expected}") from None
        made = statements[0].stmt if len(statements) == 1 else None
        if not isinstance(made, IndexStmt) or not _HEAD.match(text) or made.concurrent or not made.idxname:
            raise Refused(expected)
        table = made.relation
        if table is None or not table.schemaname or not table.relname:
            raise Refused("the definition names its table without a schema")
        return cls(text, made.idxname, f"{quoted(table.schemaname)}.{quoted(table.relname)}")

    @property
    def concurrently(self) -> str:
        """The same statement, without blocking writes."""
        return _HEAD.sub(lambda head: f"{head[0]}CONCURRENTLY ", self.text, count=1)
