"""Words of PostgreSQL and of this expert: in what a model says they are nobody's names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agents.database.catalogue import all_conditions
from agents.database.statement import all_statements
from agents.kernel.tool import Tool

_WORD = re.compile(r"[A-Za-z][\w$]*(?:[._][\w$]+)*")


def known_words(tools: Mapping[str, Tool]) -> frozenset[str]:
    """Names of tools with their words, of conditions with their texts, and all that the statements are made of."""
    texts = [*tools, *(tool.summary for tool in tools.values())]
    texts += [name for tool in tools.values() for name in tool.parameters["properties"]]
    for one in all_conditions().values():
        texts += [one.id, one.title, one.meaning]
    texts += [variant.sql for one in all_statements().values() for variant in one.variants]
    words = (word for text in texts for word in _WORD.findall(text))
    return frozenset(part for word in words for part in (word, *word.split(".")))
