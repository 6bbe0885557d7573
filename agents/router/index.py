"""A lexical index: how much the words of a question are the words of an agent's card (BM25)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

K1 = 1.2
B = 0.5
"""Usual values; cards differ much in length, and a long one is no worse for it."""


class Index:
    """Documents by key."""

    def __init__(self, documents: Mapping[str, Iterable[str]]) -> None:
        counts = {key: Counter(words) for key, words in documents.items()}
        lengths = {key: sum(count.values()) for key, count in counts.items()}
        mean = sum(lengths.values()) / len(lengths) if lengths else 1.0
        postings: dict[str, dict[str, float]] = defaultdict(dict)
        for key, count in counts.items():
            norm = K1 * (1 - B + B * lengths[key] / (mean or 1.0))
            for word, times in count.items():
                postings[word][key] = times * (K1 + 1) / (times + norm)
        self._postings = dict(postings)
        many = len(counts)
        self._rarity = {
            word: math.log(1 + (many - len(keys) + 0.5) / (len(keys) + 0.5))
            for word, keys in postings.items()
        }

    @property
    def words(self) -> Iterable[str]:
        return self._postings.keys()

    def scores(self, words: Iterable[str]) -> dict[str, float]:
        """Key → score, for documents that hold any of the words."""
        scores: dict[str, float] = defaultdict(float)
        for word in sorted(set(words)):
            for key, weight in self._postings.get(word, {}).items():
                scores[key] += weight * self._rarity[word]
        return dict(scores)
