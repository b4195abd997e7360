"""Reviews and whether they are positive: read from a file, or made up in words that no language has.

Depends on no framework; reviews.h is the same in C++.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

LATIN = "ba ce di fo gu ha je ki lo mu na pe ri so tu ve".split()
HANGUL = "가 네 디 로 무 배 서 여 자 초 코 투 파 해 끼 뿌".split()
WORDS = 2 * len(LATIN) ** 2
DRAWS = 27  # random numbers, as many as the longest review needs
WRONG = 5  # of 100 made up labels


class Review(NamedTuple):
    id: str
    document: str
    label: int  # 1 is positive, 0 negative
    meant: int  # what the label would be if none were wrong


def read_reviews(path: Path, limit: int | None = None) -> list[Review]:
    """The reviews of a file with the columns id, document and label, or the first of them."""
    reviews = []
    with path.open("rb") as file:
        if next(file, b"").removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n") != b"id\tdocument\tlabel":
            raise ValueError(f"{path}:1: the first line must be id, document and label, with tabs between")
        for number, line in enumerate(islice(file, limit), 2):
            try:
                columns = line.rstrip(b"\r\n").decode().split("\t")
            except UnicodeDecodeError:
                raise ValueError(f"{path}:{number}: must be UTF-8") from None
            if len(columns) != 3:
                raise ValueError(f"{path}:{number}: must be id, document and label, got {len(columns)} columns")
            if columns[2] not in ("0", "1"):
                raise ValueError(f"{path}:{number}: the label must be 0 or 1, got '{columns[2]}'")
            label = int(columns[2])
            reviews.append(Review(columns[0], columns[1], label, label))
    return reviews


def make_reviews(order: Iterable[int], draws: Iterable[Sequence[int]]) -> list[Review]:
    """A review from each row of DRAWS random numbers, in words that `order`, of numbers below WORDS, decides on.

    It is of one to three opinions, "thing [very] quality [not]". "A but B" means what B does, "A though B" what A does:
    without their order the words do not tell the label.
    """
    words = (_word(number) for number in order)
    things, very, no, but, though, bad, good = (list(islice(words, count)) for count in (40, 6, 2, 2, 2, 40, 40))
    reviews = []
    for number, row in enumerate(draws, 1):
        draw = iter(row)
        document: list[str] = []
        meant = 0
        for opinion in range(1 + next(draw) % 3):
            decides = opinion == 0 or next(draw) % 2 == 0
            if opinion > 0:
                document.append(_one_of(but if decides else though, draw))
            document.append(_one_of(things, draw))
            if next(draw) % 3 == 0:
                document.append(_one_of(very, draw))
            positive = next(draw) % 2
            document.append(_one_of(good if positive else bad, draw))
            if next(draw) % 3 == 0:
                document.append(_one_of(no, draw))
                positive = 1 - positive
            if decides:
                meant = positive
        label = 1 - meant if next(draw) % 100 < WRONG else meant
        reviews.append(Review(str(number), " ".join(document), label, meant))
    return reviews


def _word(number: int) -> str:
    """A word of two syllables, another one for each number."""
    syllables = HANGUL if number % 2 else LATIN
    return syllables[number // 2 // len(syllables)] + syllables[number // 2 % len(syllables)]


def _one_of(words: Sequence[str], draw: Iterator[int]) -> str:
    return words[next(draw) % len(words)]
