"""Compares what a process said with what it should have said."""

import dataclasses
import functools
import re
from collections.abc import Sequence
from types import EllipsisType

# What a line should be: its text, or a regular expression for all of it.
Pattern = str
# `...` stands for any number of lines.
Expected = Pattern | EllipsisType


def full_match(pattern: Pattern, text: str) -> re.Match[str] | None:
    """Matches all of `text` with the pattern, as a text or as an expression."""
    try:
        match = re.fullmatch(pattern, text)
    except re.error:
        match = None
    if match is None and pattern == text:
        return re.fullmatch(re.escape(pattern), text)
    return match


# What a line or item that is left over costs; a pair gains 1.
_LEFT_OVER = 1 << 30


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Which expected item is which line, and what is left over on each side."""

    pairs: tuple[tuple[int, int], ...]  # (index of expected, index of line)
    extra: tuple[int, ...]  # Lines that nothing expects.
    missing: tuple[tuple[int, int], ...]  # (expected, line it should precede)

    @property
    def complete(self) -> bool:
        """Whether everything was found and nothing else was."""
        return not self.extra and not self.missing


def align(expected: Sequence[Expected], lines: Sequence[str]) -> Alignment:
    """Pairs lines with what was expected, in order, with least left over."""
    # What fits at both ends is paired at once: no other pairing leaves less
    # over, and mostly that is all there is.
    head = _common(expected, lines)
    if head == len(expected) == len(lines):
        return Alignment(tuple((i, i) for i in range(head)), (), ())
    rest, found = expected[head:], lines[head:]
    tail = _common(rest[::-1], found[::-1])
    middle = _align_middle(rest[: len(rest) - tail], found[: len(found) - tail])
    pairs = [(i, i) for i in range(head)]
    pairs += [(i + head, j + head) for i, j in middle.pairs]
    pairs += [
        (len(expected) - back, len(lines) - back) for back in range(tail, 0, -1)
    ]
    return Alignment(
        tuple(pairs),
        tuple(j + head for j in middle.extra),
        tuple((i + head, j + head) for i, j in middle.missing),
    )


def _common(expected: Sequence[Expected], lines: Sequence[str]) -> int:
    count = 0
    for item, line in zip(expected, lines):
        if isinstance(item, EllipsisType) or not full_match(item, line):
            break
        count += 1
    return count


@functools.lru_cache(maxsize=1 << 16)
def _fits(item: Expected, line: str) -> bool:
    return isinstance(item, str) and full_match(item, line) is not None


def _costs(
    expected: Sequence[Expected], lines: Sequence[str]
) -> list[list[int]]:
    """Returns the usual edit distance, of all beginnings of both.

    cost[i][j] is what is left over at least, if the first i items are to
    explain the first j lines. Of two ways that leave the same over, the one
    with more pairs is nearer to what a reader sees.
    """
    cost = [[j * _LEFT_OVER for j in range(len(lines) + 1)]]
    for item in expected:
        above = cost[-1]
        left_over = 0 if isinstance(item, EllipsisType) else _LEFT_OVER
        row = [above[0] + left_over]
        for j, line in enumerate(lines, 1):
            best = min(above[j], row[j - 1]) + left_over
            if _fits(item, line):
                best = min(best, above[j - 1] - 1)
            row.append(best)
        cost.append(row)
    return cost


def _align_middle(
    expected: Sequence[Expected], lines: Sequence[str]
) -> Alignment:
    cost = _costs(expected, lines)
    pairs, extra, missing = [], [], []
    i, j = len(expected), len(lines)
    while i or j:
        item = expected[i - 1] if i else ""
        if isinstance(item, EllipsisType):
            if j and cost[i][j] == cost[i][j - 1]:
                j -= 1
            else:
                i -= 1
        elif (
            min(i, j) > 0
            and _fits(item, lines[j - 1])
            and cost[i][j] == cost[i - 1][j - 1] - 1
        ):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and cost[i][j] == cost[i - 1][j] + _LEFT_OVER:
            i -= 1
            missing.append((i, j))
        else:
            j -= 1
            extra.append(j)
    return Alignment(
        tuple(pairs[::-1]), tuple(extra[::-1]), tuple(missing[::-1])
    )


@dataclasses.dataclass
class Margin:
    """A transcript with GOOD, BAD and MISSING in its margin."""

    lines: Sequence[str]
    good: set[int] = dataclasses.field(default_factory=set)
    bad: set[int] = dataclasses.field(default_factory=set)
    # (index of the line that it should precede, what is missing)
    missing: list[tuple[int, str]] = dataclasses.field(default_factory=list)

    def text(self, around: int = 2) -> str:
        """Renders the marked lines, with `around` lines before and after."""
        gaps: dict[int, list[str]] = {}
        for index, pattern in self.missing:
            gaps.setdefault(index, []).append(pattern)
        marked = self.bad or ([] if gaps else self.good)
        shown = {n for i in marked for n in range(i - around, i + around + 1)}
        shown |= {n for i in gaps for n in range(i - around, i + around)}
        out: list[str] = []
        for index in range(len(self.lines) + 1):
            for pattern in gaps.get(index, []):
                out.append(f"MISSING {pattern}")
            if index == len(self.lines):
                break
            if index in shown:
                mark = (
                    "BAD"
                    if index in self.bad
                    else "GOOD"
                    if index in self.good
                    else ""
                )
                out.append(f"{mark:7} {self.lines[index]}".rstrip())
            elif not out or out[-1] != _OMITTED:
                out.append(_OMITTED)
        if not self.lines:
            out.insert(0, "        (it printed nothing)")
        return "".join(f"  {line}\n" for line in out)


_OMITTED = "        ..."
