"""Whether what a model says stands in the evidence it cites: numbers and names that do not are marked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import floor
from typing import Any, Literal

from agents.kernel.records import Evidence, Finding
from agents.reasoning.conclusion import EVIDENCE_ID, Conclusion

_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400,
            "day": 86400, "week": 604800}  # fmt: skip
_BYTES = {"b": 1, "byte": 1, "kb": 1000, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1024, "mib": 1 << 20, "gib": 1 << 30,
          "tib": 1 << 40}  # fmt: skip
_COUNTS = {"k": 1e3, "thousand": 1e3, "million": 1e6, "billion": 1e9}

_ID = re.compile(r"\b[EF][0-9a-f]{10}\b")
_NUMBER = re.compile(
    r"(?<![\w.])(\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?!\.?\d)(?:\s?(%|[A-Za-z]+))?(?!\w)"
)
_PIECE = re.compile(r"(?<![\w.:/-])(?:\d[\d.:/TZ-]*[:/-][\d.:/TZ-]*\d(?:Z)?|\d+(?:\.\d+){2,})")
"""Times, dates, addresses, log positions: they stand in the evidence as they are, or not at all."""
_DURATION = re.compile(r"\b(\d+) ?(d|h|min|m) (\d+) ?(h|min|m|s)\b")
_LIST_MARK = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_QUOTED = re.compile(r"[\"“]([^\"”\s]{2,80})[\"”]|(?<!\w)'([^'\s]{2,80})'(?!\w)")
_COMPOUND = re.compile(r"(?<![\w`/.-])[A-Za-z]\w*(?:[._][A-Za-z0-9_]+)+(?![\w`])")
"""`orders_archive`, `public.orders`: a name by its form."""
_NUMBERED = re.compile(r"(?<![\w`/.-])[A-Za-z]\w*(?:-\w+)*-\w*\d\w*(?:-\w+)*(?![\w`])")
"""`billing-7`: words with a hyphen are names where a figure is in them."""
_ABBREVIATION = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?")


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of the conclusion that is not covered."""

    field: str
    """`answer`, `root_cause`, `next_step` or `ruled_out.N`."""
    start: int
    end: int
    text: str
    mark: Literal["unsupported", "not executed"]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Ground:
    """What a conclusion may rest on: the evidence that it cites, and the rules' findings made from it."""

    def __init__(self, cited: Sequence[Evidence], findings: Iterable[Finding], known: Iterable[str]) -> None:
        """`known` are words that tell nothing of this server: names of tools, settings, catalogs."""
        ids = {item.id for item in cited}
        self.ids = ids
        told = [
            f"{finding.title} {finding.summary} {json.dumps(finding.ruled_out, default=str)}"
            for finding in findings
            if ids.intersection(finding.evidence)
        ]
        rows = [
            json.dumps([item.target, item.tool, item.columns, item.rows], ensure_ascii=False)
            for item in cited
        ]
        self._text = "\n".join([*rows, *told, *(item.statement for item in cited)]).lower()
        self._known = frozenset(word.lower() for word in known)
        self._values = sorted({*_numbers(cited), *_numbers_in("\n".join(told)), *_counts(cited)})

    def has_text(self, text: str) -> bool:
        """Whether the text stands in the evidence, not as a part of a longer word or number."""
        return re.search(rf"(?<![\w]){re.escape(text.lower())}(?![\w])", self._text) is not None

    def has_name(self, name: str) -> bool:
        """Whether the name, or each of its parts, stands in the evidence, or is nobody's name in particular."""
        parts = [part for part in re.split(r"[.\s()\"';,=]+", name) if part]
        return self._has_word(name) or (len(parts) > 1 and all(map(self._has_word, parts)))

    def _has_word(self, word: str) -> bool:
        common = word.lower() in self._known or word.startswith("pg_") or word.isupper() or word.isdigit()
        return common or self.has_text(word)

    def has_number(self, number: float, decimals: int, unit: str) -> bool:
        """Whether some value, in this unit, rounds to the number, or is cut off to it."""
        step = 10.0**-decimals
        return any(
            abs(value - number) <= step / 2 + 1e-9 or abs(floor(value / step + 1e-9) * step - number) < 1e-9
            for value in self._in(unit.lower())
        )

    def _in(self, unit: str) -> Iterator[float]:
        yield from self._values
        singular = unit.removesuffix("s") or unit
        if unit == "%":
            yield from (value * 100 for value in self._values)
        for units in (_SECONDS, _BYTES, _COUNTS):
            if factor := units.get(unit) or units.get(singular):
                yield from (value / factor for value in self._values)
                if units is _SECONDS:
                    yield from (value / 1000 / factor for value in self._values)


def unsupported(conclusion: Conclusion, ground: Ground) -> list[Mark]:
    """Every number and name in the conclusion that the ground does not hold, and ids of evidence that is not there."""
    return [
        Mark(field, start, end, text[start:end], "unsupported")
        for field, text in conclusion.texts()
        for start, end in _spans(text, ground)
    ]


def _spans(text: str, ground: Ground) -> list[tuple[int, int]]:
    found: dict[int, int] = {}
    taken: list[tuple[int, int]] = [match.span() for match in _LIST_MARK.finditer(text)]
    for match in _ID.finditer(text):
        taken.append(match.span())
        if EVIDENCE_ID.fullmatch(match[0]) and match[0] not in ground.ids:
            found[match.start()] = match.end()
    for start, end, holds in (*_durations(text, ground), *_pieces(text, ground), *_names(text, ground)):
        if not _overlaps(start, end, taken):
            taken.append((start, end))
            if not holds:
                found[start] = end
    for match in _NUMBER.finditer(text):
        if not _overlaps(match.start(1), match.end(1), taken) and not _holds(match, ground):
            found[match.start(1)] = match.end(1)
    return sorted(found.items())


def _durations(text: str, ground: Ground) -> Iterator[tuple[int, int, bool]]:
    for match in _DURATION.finditer(text):
        units = {"m": 60, **_SECONDS}
        least = units[match[4]]
        total = int(match[1]) * units[match[2]] + int(match[3]) * least
        yield *match.span(), ground.has_text(match[0]) or ground.has_number(total / least, 0, _name_of(least))


def _name_of(seconds: float) -> str:
    return next(name for name, value in _SECONDS.items() if value == seconds)


def _pieces(text: str, ground: Ground) -> Iterator[tuple[int, int, bool]]:
    for match in _PIECE.finditer(text):
        yield *match.span(), ground.has_text(match[0])


def _names(text: str, ground: Ground) -> Iterator[tuple[int, int, bool]]:
    for match in _CODE.finditer(text):
        if " " in match[1]:
            # A command: its own words are nobody's claim, the names in it are looked at by their form.
            for part in _COMPOUND.finditer(match[1]):
                offset = match.start(1)
                yield offset + part.start(), offset + part.end(), ground.has_name(part[0])
        elif not _is_number(match[1]):
            yield *match.span(1), ground.has_name(match[1])
    for match in _QUOTED.finditer(text):
        group = 1 if match[1] else 2
        if not _is_number(match[group]):
            yield *match.span(group), ground.has_name(match[group].rstrip(".,;"))
    for match in _NUMBERED.finditer(text):
        yield *match.span(), ground.has_name(match[0])
    for match in _COMPOUND.finditer(text):
        if not _ABBREVIATION.fullmatch(match[0]):
            yield *match.span(), ground.has_name(match[0])


def _holds(match: re.Match[str], ground: Ground) -> bool:
    plain = match[1].replace(",", "")
    decimals = len(plain.partition(".")[2])
    return ground.has_text(match[1]) or ground.has_number(float(plain), decimals, match[2] or "")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[\d.,]+", text) is not None


def _overlaps(start: int, end: int, taken: Iterable[tuple[int, int]]) -> bool:
    return any(start < other_end and other_start < end for other_start, other_end in taken)


def _numbers(cited: Iterable[Evidence]) -> Iterator[float]:
    for item in cited:
        for row in item.rows:
            for cell in row:
                yield from _numbers_of(cell)


def _numbers_of(cell: Any) -> Iterator[float]:
    match cell:
        case bool() | None:
            return
        case int() | float():
            yield float(cell)
        case str():
            yield from _numbers_in(cell)
        case list():
            yield float(len(cell))
            for one in cell:
                yield from _numbers_of(one)
        case Mapping():
            for one in cell.values():
                yield from _numbers_of(one)


def _numbers_in(text: str) -> Iterator[float]:
    yield from (
        float(found.replace(",", ""))
        for found in re.findall(r"(?<![\w.])\d{1,15}(?:\.\d{1,6})?(?![\w.])", text)
    )


def _counts(cited: Iterable[Evidence]) -> Iterator[float]:
    """Numbers of rows: all of them, and those with the same value in a column."""
    for item in cited:
        yield float(len(item.rows))
        for place in range(len(item.columns)):
            values = Counter(json.dumps(row[place], default=str) for row in item.rows)
            yield from map(float, values.values())
