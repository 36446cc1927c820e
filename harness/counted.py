"""Compares the numbers in a text with what is printed and explored.

Of all numbers of three digits and more each must stand, in whatever way it is
written, in a listing or transcript of the chapter, which are compared, or in
the sources, tests and tries of the lab. Left out are paragraphs that quote the
benchmarks (see docs_test.py) or one run, on one machine, and "See".

A paragraph that states a number of schedules or orders is read for

    4 of 6 schedules, 5 of 9 orders     that part of them all
    96 schedules, all five orders       the whole of a space, or a part
    in 34 a waiter dies; 46 of them; the four in which ...     a part

A *space* is the counts of the outcomes of one exploration: as the lab's test
declares it, as an item of "Try" explores it, or as a program has printed it,
"1 in 4 of 6 orders". A part is the sum of some of the counts.

Small numbers stand everywhere, so the test of a lab names those that it
compares: a phrase of the chapter, with `{}` in place of its number, and what
the number comes from, a text in a source or the lines of a run.

    compared_numbers = {
        "sleeps for {} ms": lab.Source("clients.cc", "kRetryMs = {};"),
        "the monitor prints {} lines": lab.Lines(r"Monitor: .*", act=3),
    }
"""

import bisect
import dataclasses
import itertools
import math
import pathlib
import re
import tomllib
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)

from harness import chapter, explored
from harness.match import Pattern, full_match

Space = tuple[int, ...]

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve"
    " thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
).split()
_NUMBER = rf"(?<![\w.,])(?:\d[\d,]*\d|\d|{'|'.join(_WORDS[1:])})\b(?![.,]\d)"
_SPACE = r"(?:orders|schedules)\b"
# What else is counted in the same breath.
_OTHER = r"(?! (?!orders\b|schedules\b)(?:[a-z]+s|data)\b)"
_PART = re.compile(
    rf"({_NUMBER}) of (?:the |its |all )?({_NUMBER}){_OTHER}", re.IGNORECASE
)
_WHOLE = re.compile(
    rf"({_NUMBER}) (?:(?!of\b)[a-z]+ ){{0,1}}{_SPACE}", re.IGNORECASE
)
_SOME = re.compile(
    rf"({_NUMBER}) of (?:them|these)\b|\bthe ({_NUMBER}) in which\b"
    rf"|\bin ({_NUMBER})"
    r"(?=[.,;:]| (?:a|an|the|of them|no|nothing|one|two|three|it|never|all"
    r"|there|both|and|or)\b(?! of \d))",
    re.IGNORECASE,
)
_PRINTED = re.compile(r"\bin (\d+) of (\d+)(?= orders\b|\")")

# A small number as a chapter and as a source write it.
_ARTICLES = {"a": 1.0, "an": 1.0, "half a": 0.5, "half an": 0.5}
_WRITTEN = (
    r"(?<![\w.,])((?i:\d[\d,]*(?:\.\d+)?"
    rf"|{'|'.join([*_WORDS[1:], *_ARTICLES])}))(?!\w|\.\d)"
)
_IN_SOURCE = r"(?<![\w.])(\d[\d']*(?:\.\d+)?(?: << \d+)?)(?!\w|\.\d)"

# Numbers of all labs, and where they come from.
_COMMON = {
    100: "milliseconds: kRecheckSeconds of common/base/clock.h",
    120: "seconds: the limit of a lab in common/lab",
    128: "what a shell adds to the number of a signal",
}
_LARGE = re.compile(r"(?<![\w.,:/-])\d[\d,]*\d(?![\w:/-]|[.,]\d)")
_DAY = re.compile(r"\b[A-Z][a-z]+ \d+, \d{4}")
_DIGITS = re.compile(r"\d[\d,']*\d")
_ONE_RUN = re.compile(
    r"\b(?:in|In) (?:this|one|\w+) runs?\b|\b[Ii]n several runs\b"
    r"|\b[Oo]n one machine\b|\bbenchmarks/README\.md\)|\bRFC \d"
)


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a sentence states: a part of a whole, or one of the two."""

    place: str  # "README.md:12", where the paragraph begins
    words: str  # "4 of 6", "96 schedules"
    numbers: tuple[int, ...]

    def holds(self, found: Iterable[Space]) -> bool:
        """Whether this is so in one of these spaces."""
        return any(self._holds_in(space) for space in found)

    def _holds_in(self, space: Space) -> bool:
        if len(self.numbers) == 2 and self.numbers[1] != sum(space):
            return False
        return self.numbers[0] in _sums(space)


# Runs the lab with these flags, and returns the lines that it prints.
Runner = Callable[[tuple[str, ...]], Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Source:
    """A text with a number, `{}`, in a file that the number comes from.

    file: of the lab, or from the root: "common/net/auth.h". Of README.md only
        the blocks count, which other tests compare.
    times: 1000 for a source in seconds and a chapter in milliseconds, 2**-20
        for bytes and MiB.
    """

    file: str
    text: str
    times: float = 1

    def numbers(self, folder: pathlib.Path, _run: Runner) -> set[float]:
        """Returns the numbers in this text; there must be one."""
        is_whole = self.file.startswith(chapter.FROM_ROOT)
        file = (folder.parent.parent if is_whole else folder) / self.file
        lines = file.read_text(encoding="utf-8").splitlines()
        if file.suffix == ".md":
            fences = chapter.Chapter.read(file).fences
            lines = [line for fence in fences for line in fence.body]
        found = _fill(self.text, _IN_SOURCE).finditer(_one_line(lines))
        return {self.times * _source_number(match[1]) for match in found}

    def __str__(self) -> str:
        scale = f" times {self.times:g}" if self.times != 1 else ""
        return f'"{self.text}"{scale} of {self.file}'


# Of all labs that wait: for how long they sleep without looking again, and how
# far before the wrap a word that counts changes begins.
RECHECK_S = Source("common/base/clock.h", "kRecheckSeconds = {};")
COUNTS_FROM = Source("common/sync/futex.h", "kCountsFrom = uint32_t{0} - {};")


@dataclasses.dataclass(frozen=True)
class Lines:
    """How many lines of a run match a pattern: of all of it, or of an act."""

    pattern: Pattern
    flags: tuple[str, ...] = ()
    act: int | None = None  # "Main: Act 3", until the next act.

    def numbers(self, _folder: pathlib.Path, run: Runner) -> set[float]:
        """Returns how many lines there are."""
        lines = list(run(self.flags))
        if self.act is not None:
            acts = itertools.accumulate(
                (re.match(r"Main: Act (\d+)", line) for line in lines),
                lambda last, this: this or last,
            )
            lines = [
                line
                for line, act in zip(lines, acts)
                if act and int(act[1]) == self.act
            ]
        fits = [line for line in lines if full_match(self.pattern, line)]
        return {len(fits)}

    def __str__(self) -> str:
        where = f" of act {self.act}" if self.act is not None else ""
        flags = f" with {' '.join(self.flags)}" if self.flags else ""
        return f'the number of lines "{self.pattern}"{where} in a run{flags}'


def differences(
    text: chapter.Chapter,
    compared: Mapping[str, Source | Lines],
    run: Runner,
) -> list[str]:
    """Returns the phrases whose number is not the one that it comes from."""
    prose = [(number, line) for number, line in text.prose() if line.strip()]
    joined = _one_line(line for _, line in prose)
    starts = list(
        itertools.accumulate(
            (len(_one_line([line])) + 1 for _, line in prose), initial=0
        )
    )
    found = []
    for phrase, source in compared.items():
        said = list(_fill(phrase, _WRITTEN).finditer(joined))
        if not said:
            found.append(f'{text.place}: does not say "{phrase}"')
            continue
        numbers = source.numbers(text.file.parent, run)
        if len(numbers) != 1:
            has = ", ".join(f"{number:g}" for number in sorted(numbers))
            found.append(f"{text.place}: {source} is {has or 'not there'}")
            continue
        (number,) = numbers
        for one in said:
            if not math.isclose(_value(one[1]), number):
                line = prose[bisect.bisect(starts, one.start()) - 1][0]
                found.append(
                    f'{text.place}:{line}: says "{one[0]}", but '
                    f"{source} is {number:g}"
                )
    return found


def claims(text: chapter.Chapter) -> list[Claim]:
    """Returns what the paragraphs of a text state about orders."""
    return [
        claim
        for number, paragraph in _paragraphs(text)
        if re.search(_SPACE, paragraph)
        for claim in _claims_of(paragraph, f"{text.place}:{number}")
    ]


def spaces(
    declared: Iterable[explored.Explored], printed: Iterable[str] = ()
) -> list[Space]:
    """Returns the spaces of declared explorations and of printed lines."""
    found = list[Space]()
    for wanted in declared:
        if wanted.schedules is not None:
            found.append((wanted.schedules,))
        elif wanted.request.get("reduce"):
            continue  # Its counts are not compared.
        if isinstance(wanted.outcomes, Mapping):
            found.append(tuple(wanted.outcomes.values()))
    return found + _printed_spaces(printed)


def _printed_spaces(lines: Iterable[str]) -> list[Space]:
    """Lines of the same whole, one after the other, are its parts."""
    found = list[Space]()
    numbers = [
        (int(match[1]), int(match[2]))
        for line in lines
        for match in _PRINTED.finditer(line)
    ]
    for whole, group in itertools.groupby(numbers, lambda pair: pair[1]):
        parts = list[int]()
        for part, _ in group:
            found.append((part, whole - part))
            parts = [*parts, part] if sum(parts) + part <= whole else [part]
            if sum(parts) == whole:
                found.append(tuple(parts))
                parts = []
    return found


def known(
    folder: pathlib.Path, declared: Iterable[explored.Explored]
) -> list[Space]:
    """Returns all spaces of a lab: what its test declares, and what it prints.

    What it prints is compared: by its chapter's transcripts, by the items of
    "Try", and by the lines that its own test expects.
    """
    text = chapter.Chapter.read(folder / "README.md")
    printed = [
        line
        for fence in text.fences
        if fence.info[:1] == ("console",)
        for line in fence.body
    ]
    for file in (folder / "tries.toml", folder / f"{folder.name}_test.py"):
        if file.is_file():
            printed += file.read_text(encoding="utf-8").splitlines()
    return spaces([*declared, *_of_tries(folder / "tries.toml")], printed)


def _of_tries(file: pathlib.Path) -> list[explored.Explored]:
    if not file.is_file():
        return []
    tables = tomllib.loads(file.read_text(encoding="utf-8")).get("try", {})
    return [
        explored.Explored(
            table["explore"]["outcomes"],
            schedules=table["explore"].get("schedules"),
        )
        for table in tables.values()
        if "explore" in table
    ]


def large_numbers(text: chapter.Chapter) -> list[tuple[str, str]]:
    """Returns the numbers in prose that must be known, with their places."""
    found = []
    for number, paragraph in _paragraphs(text, plain=False):
        if paragraph == "## See":
            break
        if not _ONE_RUN.search(paragraph):
            found += [
                (f"{text.place}:{number}", word)
                for word in _LARGE.findall(_DAY.sub("", _plain(paragraph)))
                if len(word.replace(",", "")) > 2
            ]
    return found


def stated(folder: pathlib.Path) -> set[int]:
    """Returns the numbers in what is compared of a lab, and in its sources."""
    text = chapter.Chapter.read(folder / "README.md")
    lines = [line for fence in text.fences for line in fence.body]
    for pattern in ("*.cc", "*.h", "wrong/*.cc", "*.toml", "*_test.py"):
        for file in folder.glob(pattern):
            lines.append(file.read_text(encoding="utf-8"))
    # Commands, and what a program prints, in sentences.
    lines += re.findall(r"`[^`]*`", "\n".join(x for _, x in text.prose()))
    words = _DIGITS.findall("\n".join(lines))
    return {int(re.sub(r"\D", "", word)) for word in words}


def problems(
    text: chapter.Chapter,
    found_spaces: Sequence[Space],
    reasons: Mapping[str, str],
    numbers: Collection[int] | None = None,
) -> list[str]:
    """Returns the claims that no exploration has, unless there is a reason.

    `reasons` has the words of such a claim, and how else it is known. Given
    what stated() returns, also the large numbers that are nowhere else.
    """
    found = []
    unused = set(reasons)
    if numbers is not None:
        known_numbers = {*numbers, *_COMMON, *(sum(x) for x in found_spaces)}
        for place, word in large_numbers(text):
            unused.discard(word)
            if word not in reasons and _number(word) not in known_numbers:
                found.append(f"{place}: nothing that is compared has {word}")
    for claim in claims(text):
        unused.discard(claim.words)
        if claim.words not in reasons and not claim.holds(found_spaces):
            found.append(
                f"{claim.place}: no exploration has {claim.words}; "
                f"there are {_describe(found_spaces)}"
            )
    return found + [
        f"{text.place}: does not say {words}, for which there is a reason"
        for words in sorted(unused)
    ]


def _claims_of(paragraph: str, place: str) -> Iterator[Claim]:
    rest = paragraph
    patterns = [_PART, _WHOLE]
    if _WHOLE.search(paragraph):  # Something else may come in three.
        patterns.append(_SOME)
    for pattern in patterns:
        for match in pattern.finditer(rest):
            yield Claim(
                place,
                match[0],
                tuple(_number(word) for word in match.groups() if word),
            )
        # What one of them has read is not for the next.
        rest = pattern.sub(lambda match: "#" * len(match[0]), rest)


def _paragraphs(
    text: chapter.Chapter, plain: bool = True
) -> Iterator[tuple[int, str]]:
    """Yields the prose: each paragraph, item and row, with its first line."""
    first, lines = 0, list[str]()
    for number, line in [*text.prose(), (0, "")]:
        begins = re.match(r"\s*(?:[-*|] ?|\d+\. )|\s*$|#|\s*<", line)
        if begins and lines:
            paragraph = " ".join(lines)
            yield first, _plain(paragraph) if plain else paragraph
            lines = []
        if line.strip():
            first = first if lines else number
            lines.append(line)


def _plain(text: str) -> str:
    """Takes code, targets of links and the number of an item away."""
    text = re.sub(r"`[^`]*`", "`", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return " ".join(re.sub(r"^\s*\d+\. ", "", text).split())


def _number(word: str) -> int:
    if word[0].isdigit():
        return int(word.replace(",", ""))
    return _WORDS.index(word.lower())


def _value(word: str) -> float:
    """Returns a number of a chapter, which may have decimals."""
    article = _ARTICLES.get(word.lower())
    if article is not None:
        return article
    return float(word.replace(",", "")) if "." in word else _number(word)


def _source_number(word: str) -> float:
    """Returns a number of C++: 0.1, 10'000, 1 << 20."""
    value, _, shift = word.replace("'", "").partition(" << ")
    return float(value) * (1 << int(shift or 0))


def _fill(text: str, number: str) -> re.Pattern[str]:
    """Returns what finds the text with such a number at its `{}`."""
    before, place, after = text.partition("{}")
    if not place or "{}" in after:
        raise ValueError(f"{text!r} must have one place {{}}")
    return re.compile(re.escape(before) + number + re.escape(after))


def _one_line(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())


def _sums(space: Space) -> Collection[int]:
    """Returns the sums of some, or all, of the counts."""
    return {
        sum(some)
        for size in range(len(space) + 1)
        for some in itertools.combinations(space, size)
    }


def _describe(all_spaces: Sequence[Space]) -> str:
    texts = [
        f"{sum(space)} ({', '.join(map(str, space))})"
        if len(space) > 1
        else str(sum(space))
        for space in all_spaces
    ]
    return "; ".join(dict.fromkeys(texts)) or "none"
