"""Text as terms: lower case, without accents and endings, English and German alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:[._@/-]*[^\W_]+)*")
_INNER = re.compile(r"[^\W_]+")
_ENDINGS = (
    "ierungen", "ierung", "ations", "ation", "ungen", "ings", "ing", "ung", "ies", "ens", "ern", "ed", "es", "en", "er",
    "em", "s", "e", "n",
)  # fmt: skip
_SHORTEST_STEM = 4
"""Letters that must be left: `pods` loses its ending, `plan` keeps all of it."""
_STOP_WORDS = """a about after again all also am an and any are as at be because been before being but by can could did do does
    doing for from get gets give got had has have he her here him his how i if in into is it its just let like me more
    most my near need no not now of off on once one only or other our out over own please really same she should since
    so some such than that the their them then there these they this those through to today too try until up us very
    was we were what when where which while who why will with would you your
    aber als am an auf aus bei bin bitte da das dass dem den der des die dir doch du ein eine einem einen einer eines er
    es fuer gegen hat habe haben heute ich ihr im in ist ja kann kein keine machen man mein mir mit nach nicht noch nur
    oder seit sich sie sind so ueber um und uns unser unsere unserer unserem von vor war warum was wenn wer werden wie
    wieder wieso wir wird wo zu zum zur zwischen"""
STOP = frozenset(_STOP_WORDS.split())


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Lower case, umlauts written out, accents gone."""
    lower = text.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    return "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A word without its ending, as far as enough of it is left."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return (
        word[:-1] if len(word) == _SHORTEST_STEM and word.endswith("s") and not word.endswith("ss") else word
    )


def raw_words(text: str) -> list[str]:
    """Words as they stand, folded; one with dots, slashes or hyphens inside is one word."""
    return [found[0] for found in _WORD.finditer(fold(text))]


def terms(text: str) -> list[str]:
    """Stems in order, without the words that say nothing; compounds stand for themselves and their pieces."""
    return list(_terms(raw_words(text)))


def _terms(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        pieces = _INNER.findall(word)
        if len(pieces) > 1:
            yield word
        for piece in pieces:
            if piece not in STOP and not piece.isdigit():
                yield stem(piece)


class Spelling:
    """Finds the known term that a mistyped one stands for."""

    SHORTEST = 5
    """Shorter words have too many neighbours: `cost` is no `host`."""
    LONGEST = 24
    """No word that is known here is longer."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._known = frozenset(word for word in vocabulary if word.isalpha())
        near: dict[str, set[str]] = {}
        for word in self._known:
            if len(word) >= self.SHORTEST - 1:
                for shorter in {word, *_without_one(word)}:
                    near.setdefault(shorter, set()).add(word)
        self._near: Mapping[str, set[str]] = near

    def correct(self, word: str) -> str:
        """The nearest known term at one wrong, missing, additional or swapped letter; the word itself otherwise."""
        if (
            word in self._known
            or not self.SHORTEST <= len(word) <= self.LONGEST
            or not word.isalpha()
            or word in STOP
        ):
            return word
        found = {
            known for shorter in (word, *_without_one(word)) for known in self._near.get(shorter, ())
            if known[0] == word[0] and _one_off(word, known)
        }  # fmt: skip
        return min(found, default=word)


def _without_one(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]


def _one_off(a: str, b: str) -> bool:
    """Whether one edit, or one swap of neighbours, leads from a to b."""
    if len(a) > len(b):
        a, b = b, a
    if len(b) - len(a) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    swapped = len(a) - start > 1 and a[start] == b[start + 1] and a[start + 1] == b[start]
    return a[start + 1 :] == b[start + 1 :] or (swapped and a[start + 2 :] == b[start + 2 :])
