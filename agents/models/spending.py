"""What calls to models cost: a price list in, sums and caps out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agents.models.turn import ModelRequest, Said, Usage

CHARS_PER_TOKEN = 3
"""JSON and code have about 3 characters to a token, English about 4: this counts rather too many."""
TOKENS_PER_PRICE = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens. What is said of no cache counts as input."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None

    def cost(self, usage: Usage) -> float:
        """USD of one call."""
        read = self.input if self.cache_read is None else self.cache_read
        written = self.input if self.cache_write is None else self.cache_write
        sums = (
            usage.input * self.input,
            usage.output * self.output,
            usage.cache_read * read,
            usage.cache_write * written,
        )
        return sum(sums) / TOKENS_PER_PRICE


@dataclass(frozen=True, slots=True)
class Budget:
    """Caps in USD; None caps nothing."""

    turn_usd: float | None = None
    session_usd: float | None = None
    day_usd: float | None = None

    def __bool__(self) -> bool:
        return (self.turn_usd, self.session_usd, self.day_usd) != (None, None, None)


@dataclass(slots=True)
class Sum:
    """What was spent so far in a turn, a session or a day."""

    usd: float = 0.0
    tokens: int = 0
    unpriced: int = 0
    """Calls of which nobody knows the price."""

    def add(self, tokens: int, usd: float | None) -> None:
        self.tokens += tokens
        if usd is None:
            self.unpriced += 1
        else:
            self.usd += usd

    def __str__(self) -> str:
        if self.unpriced and not self.usd:
            return "unknown"
        return f"{'at least ' if self.unpriced else ''}{money(self.usd)}"


@dataclass(slots=True)
class Spending:
    """The sums that the caps look at; they grow with every call that is made under them."""

    turn: Sum = field(default_factory=Sum)
    session: Sum = field(default_factory=Sum)
    day: Sum = field(default_factory=Sum)

    def add(self, usage: Usage, usd: float | None) -> None:
        for one in (self.turn, self.session, self.day):
            one.add(total(usage), usd)

    def passed(self, budget: Budget, next_usd: float) -> str:
        """Which cap a call of at most `next_usd` would pass, in words; empty for none."""
        for name, spent, cap in self._capped(budget):
            if spent.usd + next_usd > cap:
                return (
                    f"the cap of {money(cap)} a {name} would be passed: {spent} spent,"
                    f" the next call may cost up to {money(next_usd)}"
                )
        return ""

    def _capped(self, budget: Budget) -> Iterator[tuple[str, Sum, float]]:
        of_day = (("turn", self.turn, budget.turn_usd), ("session", self.session, budget.session_usd))
        for name, spent, cap in (*of_day, ("day", self.day, budget.day_usd)):
            if cap is not None:
                yield name, spent, cap


def total(usage: Usage) -> int:
    """All tokens of a call, also those that came from a cache."""
    return usage.input + usage.output + usage.cache_read + usage.cache_write


def money(usd: float) -> str:
    """USD with up to four places."""
    if 0 < usd < 0.0001:
        return "under $0.0001"
    cents, _, further = f"{usd:.4f}".partition(".")
    return f"${usd:.2f}" if usd >= 1 else f"${cents}.{further[:2]}{further[2:].rstrip('0')}"


def tokens_of(characters: int) -> int:
    """About how many tokens that is, rather too many than too few."""
    return -(-characters // CHARS_PER_TOKEN)


def tokens_of_request(request: ModelRequest) -> int:
    """About how many tokens the model has to read."""
    return tokens_of(sum(_characters(request)))


def _characters(request: ModelRequest) -> Iterator[int]:
    yield len(request.system)
    for tool in request.tools:
        yield len(tool.name) + len(tool.description) + len(repr(tool.parameters))
    for turn in request.turns:
        yield len(repr(turn.replay) if isinstance(turn, Said) and turn.replay else repr(turn))
