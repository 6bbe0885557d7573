"""Read tools that are more than one statement: conditions ask for them by name like for a statement."""

from __future__ import annotations

from collections.abc import Mapping

from agents.database import amcheck, host, plans, statement_reads
from agents.database.reading import Reader
from agents.kernel.tool import Tool

MEASURES: Mapping[str, str] = {
    host.HOST: host.SUMMARY,
    amcheck.CHECK: amcheck.SUMMARY,
    statement_reads.ESTIMATES: statement_reads.ESTIMATES_SUMMARY,
}
"""What each of them tells, by name."""


def measuring_tools(reader: Reader) -> dict[str, Tool]:
    """The tools by name."""
    makers = (
        host.host_tool,
        amcheck.amcheck_tool,
        plans.plan_tool,
        statement_reads.top_tool,
        statement_reads.estimates_tool,
    )
    return {tool.name: tool for tool in (make(reader) for make in makers)}
