"""One call to a model while it runs, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agents.models.provider import ModelError, Provider
from agents.models.spending import Price, Spending, tokens_of
from agents.models.turn import Done, Said, Stop, TextChunk, Usage


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the operator should see while a model is asked."""

    kind: Literal["waiting", "retrying", "switched", "cut"]
    text: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One real call, over: who was asked, what it took, how it ended."""

    provider: str
    model: str
    usage: Usage | None
    """None where the provider told nothing."""
    cost_usd: float | None
    """None where the price or the usage is unknown."""
    stop: Stop | None
    """None where it failed."""
    error: str
    ms: int


Item = TextChunk | Notice | Attempt | Done


class Call:
    """What is known of one call while it runs."""

    def __init__(self, provider: Provider, price: Price | None, tokens: int) -> None:
        self.text: list[str] = []
        self.done: Done | None = None
        self.error: ModelError | None = None
        self.tokens = tokens
        self._provider = provider
        self._price = price

    @property
    def usage(self) -> Usage | None:
        if self.done is not None:
            return self.done.usage
        return self.error.usage if self.error else None

    def settle(self, spending: Spending) -> int:
        """Add what the call took to the sums; the tokens that count against the limit.

        What nobody counted is estimated, so that a cap holds for a call that was cut or given up as well.
        """
        usage = self.usage
        if usage is None:
            refused = self.error is not None and self.error.kind not in ("cut", "too_long")
            usage = Usage() if refused else Usage(self.tokens)
        if self.done is None and usage != Usage():
            usage = replace(usage, output=max(usage.output, tokens_of(len("".join(self.text)))))
        spending.add(usage, 0.0 if usage == Usage() else self._cost(usage))
        return usage.input + usage.output + usage.cache_write

    def attempt(self, seconds: float) -> Attempt:
        usage = self.usage
        stop = self.done.stop if self.done else None
        error = str(self.error) if self.error else ""
        return Attempt(
            self._provider.name,
            self._provider.model,
            usage,
            self._cost(usage),
            stop,
            error,
            int(seconds * 1000),
        )

    def end(self) -> Sequence[Item]:
        """What follows the attempt. Raises the ModelError of a call that gave nothing."""
        if self.done is not None:
            return (self.done,)
        error = self.error or ModelError("cut", "the stream ended without an end")
        if not self.text:
            raise error
        text = "".join(self.text)
        notice = Notice(
            "cut", f"{self._provider.name}: {error}; what came before stands, it is not the whole answer"
        )
        return (notice, Done(Said(text, (), self._provider.name), error.usage, "cut"))

    def _cost(self, usage: Usage | None) -> float | None:
        return self._price.cost(usage) if self._price and usage else None
