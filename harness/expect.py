"""What may be expected of a run, and what is said when it does not hold.

A pattern is a line's text, or a regular expression for all of it.
"""

import dataclasses
import pathlib
import re
import unittest
from collections.abc import Iterable, Mapping, Sequence

from harness import match, words
from harness.run import Run, time_scale

# What a program says of itself: one defect may well show in several of these.
TOLD = ("output", "outcome", "status")
KINDS = (*TOLD, "hang", "leak")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Something that is wrong with a run; the kind is one of KINDS."""

    kind: str
    text: str


_REACHED_COLUMNS = 60
# The exit status of a lab that cannot be played here; see common/lab/lab.h.
_SKIPPED_STATUS = 77
SKIPPED_LINE = "Main: SKIP "
_FAILED_LINE = "Main: FAIL "
_PASSED_LINE = "Main: PASS"
# What follows an outcome if its line has no end, and another process speaks.
_NEXT_LINE = re.compile(r"[A-Z][\w .#()/-]*: ")


def skip_reason(run: Run) -> str:
    """Returns why the lab could not be played on this machine, or ""."""
    last = run.lines[-1].raw if run.lines else ""
    if run.status != _SKIPPED_STATUS or not last.startswith(SKIPPED_LINE):
        return ""
    return last.removeprefix(SKIPPED_LINE)


def has_verdict(run: Run) -> bool:
    """Whether the lab itself has said how it went, and its status agrees."""
    last = run.lines[-1].raw if run.lines else ""
    if run.status == 0:
        return last == "Main: PASS"
    return run.status == 1 and last.startswith("Main: FAIL ")


class CheckFailed(AssertionError):
    """An expectation that a run did not meet."""

    tells_all = True  # So no reader needs to see where it was found.

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.verdict = Verdict(kind, text)


def verdicts(run: Run) -> list[Verdict]:
    """Returns what is wrong with a run whatever the lab is."""
    if run.hang:
        # It was killed, so of course it is neither done nor tidy.
        text = f"it hangs:\n{indent(run.hang.explain())}"
        return [Verdict("hang", f"{text}\n{_said_at_the_end(run)}")]
    if run.excess:  # The same.
        return [
            Verdict(
                "output",
                f"it {run.excess}, so it was ended\n{transcript(run, 3)}",
            )
        ]
    found = []
    for leak in run.leaks:
        owner = f", made by {leak.owner}" if leak.owner else ""
        text = f"it leaves a {leak.kind} behind: {leak.name}{owner}"
        found.append(Verdict("leak", text))
    if faults := _faults(run):
        found.append(Verdict("status", f"{faults}\n{_said_at_the_end(run)}"))
    return found


def _faults(run: Run) -> str:
    """Returns what is wrong with how a run has ended, the reason first."""
    reasons, faults = [], []
    last = run.lines[-1].raw if run.lines else ""
    if last.startswith(_FAILED_LINE):
        reasons.append(f"Main says why: {last.removeprefix(_FAILED_LINE)}")
    if last.endswith(_PASSED_LINE) and last != _PASSED_LINE:
        reasons.append(_no_line_end(last.removesuffix(_PASSED_LINE)))
    if run.stderr:
        reasons.append(f"it wrote to stderr:\n{indent(run.stderr)}")
    if run.status < 0:
        faults.append(f"it was killed by signal {-run.status}")
    elif run.status > 0:
        faults.append(f"its exit status is {run.status}")
    if last != _PASSED_LINE:
        faults.append("its last line is not 'Main: PASS'")
    return "\n".join([*reasons, *(["; ".join(faults)] if faults else [])])


def _no_line_end(text: str) -> str:
    return f'another line follows {text!r} at once: it lacks its "\\n"'


def run_failure(run: Run, message: str, margin: match.Margin) -> CheckFailed:
    """Returns a failure with the transcript, marked in its margin."""
    return CheckFailed("output", f"{message}\n{title(run)}{margin.text()}")


class Expectations(unittest.TestCase):
    """Assertions about runs, which show what they failed on."""

    # A test that compares texts shows all of the difference.
    maxDiff = None

    def __init__(self, name: str = "runTest") -> None:
        super().__init__(name)
        for kind in (list, tuple):
            self.addTypeEqualityFunc(kind, self._assert_items_equal)

    def _assert_items_equal(
        self,
        found: Sequence[object],
        wanted: Sequence[object],
        msg: object = None,
    ) -> None:
        if found != wanted:
            own = f"{msg}: " if msg else ""
            self.fail(own + words.list_differences(found, wanted))

    def assert_clean(self, run: Run) -> None:
        """The run has ended by itself with PASS and has left nothing behind."""
        found = verdicts(run)
        if found:
            kind = found[0].kind
            raise CheckFailed(kind, "\n".join(v.text for v in found))

    def assert_said(
        self, run: Run, speaker: str, expected: Sequence[match.Expected]
    ) -> list[tuple[str, ...]]:
        """The speaker said exactly this, in this order.

        An item `...` stands for any number of lines. Returns what the groups
        of each pattern captured.
        """
        places = [
            i for i, line in enumerate(run.lines) if line.speaker == speaker
        ]
        said = [run.lines[i].text for i in places]
        alignment = match.align(expected, said)
        if not alignment.complete:
            margin = _margin(run)
            margin.good = {places[j] for _, j in alignment.pairs}
            margin.bad = {places[j] for j in alignment.extra}
            ends = [*places, len(run.lines)]
            margin.missing = [
                (ends[j], f"{speaker}: {expected[i]}")
                for i, j in alignment.missing
            ]
            message = f"{speaker} did not say what it should"
            raise run_failure(run, message, margin)
        return [
            _match(expected[i], said[j]).groups("") for i, j in alignment.pairs
        ]

    def assert_lines(self, run: Run, patterns: Sequence[str]) -> None:
        """These lines are there, in this order, with others between them."""
        margin = _margin(run)
        place = 0
        for pattern in patterns:
            later = [i for i in _places(run, pattern) if i >= place]
            if not later:
                margin.missing.append((place, pattern))
                message = f"there is no line {pattern!r} here"
                raise run_failure(run, message, margin)
            margin.good.add(later[0])
            place = later[0] + 1

    def assert_before(self, run: Run, first: str, then: str) -> None:
        """A line matches `first`, and the first that matches `then` follows."""
        margin = _margin(run)
        place = _find(run, first)
        later = _find(run, then)
        if place is not None and later is not None and place < later:
            return
        for pattern, found in ((first, place), (then, later)):
            if found is None:
                margin.missing.append((len(run.lines), pattern))
                message = f"there is no line {pattern!r}"
        if place is None and later is not None:
            # Either line may be the wrong one; this one is there to be seen.
            margin.missing = []
            message = f"there is {then!r}, but no line {first!r} before it"
        if place is not None:
            margin.good.add(place)
        if later is not None:
            margin.bad.add(later)
        if place is not None and later is not None:
            message = f"{then!r} comes before {first!r}"
        raise run_failure(run, message, margin)

    def assert_takes(
        self, run: Run, first: str, then: str, seconds: float
    ) -> None:
        """From one line to the other it takes this long, and not far longer.

        By the speakers' own clocks, so the run must have written its events.
        More than ten times as long is not a slow machine but another unit.
        """
        times = []
        for pattern in (first, then):
            times += [
                event.t_ns / 1e9
                for event in run.events
                if event.kind == "say"
                and match.full_match(
                    pattern, f"{event.process}: {event.object}"
                )
            ][:1]
        if len(times) < 2:
            self.assert_before(run, first, then)  # Says which is not there.
            raise run_failure(run, "the run has no events", _margin(run))
        took_s = times[1] - times[0]
        if not seconds <= took_s <= 10 * seconds + time_scale():
            margin = _margin(run)
            margin.bad = {
                place
                for pattern in (first, then)
                for place in _places(run, pattern)[:1]
            }
            message = (
                f"from {first!r} to {then!r} it took {took_s:.4g} s,"
                f" but {seconds:g} s are meant"
            )
            raise run_failure(run, message, margin)

    def assert_count(self, run: Run, pattern: str, count: int) -> None:
        """Exactly `count` lines match the pattern."""
        places = _places(run, pattern)
        if len(places) == count:
            return
        margin = _margin(run)
        margin.good = set(places[:count])
        margin.bad = set(places[count:])
        if len(places) < count:
            margin.missing = [(len(run.lines), pattern)]
        raise run_failure(
            run,
            f"there are {len(places)} lines {pattern!r}, not {count}",
            margin,
        )

    def assert_never(self, run: Run, pattern: str, meaning: str = "") -> None:
        """The pattern is found nowhere in any line.

        `meaning` says it in words, where the pattern is hard to read.
        """
        margin = _margin(run)
        margin.bad = {
            i
            for i, line in enumerate(run.lines)
            if re.search(pattern, line.raw)
        }
        if margin.bad:
            what = meaning or repr(pattern)
            raise run_failure(run, f"{what} must never be said", margin)

    def captures(self, run: Run, pattern: str) -> list[str]:
        """Returns what the first group captured in each line that matches.

        The pattern may match a part of the line.
        """
        found = (re.search(pattern, line.raw) for line in run.lines)
        return [m[1] if m.re.groups else m[0] for m in found if m]

    def capture(self, run: Run, pattern: str) -> str:
        """Returns what `captures` finds first; there must be something."""
        found = self.captures(run, pattern)
        if not found:
            margin = _margin(run)
            margin.missing = [(len(run.lines), pattern)]
            raise run_failure(run, f"nothing matches {pattern!r}", margin)
        return found[0]

    def assert_outcomes(
        self,
        found: Mapping[str, int] | Iterable[str | Run],
        declared: Mapping[str, int] | Iterable[str],
        capture: str = "",
    ) -> None:
        """What was found is what was declared: no more, and no less.

        `found` are outcomes, or runs whose outcome is what `capture` captures.
        If both are counts by outcome, the counts must agree too.
        """
        counts: dict[str, int] = {}
        exact = isinstance(found, Mapping) and isinstance(declared, Mapping)
        if isinstance(found, Mapping):
            counts.update(found)
        else:
            for item in found:
                outcome = (
                    self.capture(item, capture)
                    if isinstance(item, Run)
                    else item
                )
                counts[outcome] = counts.get(outcome, 0) + 1
        text = outcome_differences(counts, declared, exact, "run")
        if text:
            raise CheckFailed("outcome", text)


def outcome_differences(
    counts: Mapping[str, int],
    declared: Iterable[str],
    exact: bool,
    what: str,
) -> str:
    """Returns how the outcomes found differ from those declared, or "".

    If `exact`, the declared ones are a mapping, and its counts count too: how
    many came to each of what is counted, such as runs.
    """
    wanted = declared if exact and isinstance(declared, Mapping) else {}
    expected = set(declared)
    lines = list[str]()
    message = list[str]()
    for outcome in sorted({*counts, *expected}, key=by_number):
        count = counts.get(outcome, 0)
        note = f"{outcome} in {count}"
        if outcome not in expected:
            lines.append(f"BAD     {note}")
            message[:0] = [  # That is the reason, so it comes first.
                _no_line_end(each)
                for each in expected
                if outcome.startswith(each)
                and _NEXT_LINE.match(outcome, len(each))
            ]
            message.append(f"outcome {outcome} was reached but not declared")
        elif not count:
            lines.append(f"MISSING {outcome}")
            reached = ", ".join(sorted(counts, key=by_number)) or "none"
            text = f"outcome {outcome} was declared but never reached"
            # Many or long ones stand below, a line each.
            if len(reached) <= _REACHED_COLUMNS:
                text += f"; reached were: {reached}"
            message.append(text)
        elif wanted.get(outcome, count) != count:
            lines.append(f"BAD     {note}, not in {wanted[outcome]}")
            message.append(
                f"outcome {outcome!r} came of {_count(count, what)}, but its"
                f" test declares {_count(wanted[outcome], what)}"
            )
        else:
            lines.append(f"GOOD    {note}")
    if not message:
        return ""
    return "\n".join([*message, *(f"  {line}" for line in lines)])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def title(run: Run) -> str:
    """Returns the command of a run as the line above its transcript."""
    program = "/".join(pathlib.Path(run.command[0]).parts[-2:])
    return f"  $ {' '.join((program, *run.command[1:]))}\n"


def _said_at_the_end(run: Run, count: int = 5) -> str:
    lines = [shorten(line.raw) for line in run.lines[-count:]]
    if len(run.lines) > count:
        lines.insert(0, "...")
    if not lines:
        lines.append("(it printed nothing)")
    return title(run) + indent("\n".join(lines), 10)


def transcript(run: Run, at_ends: int = 20) -> str:
    """Returns the command and what it printed, without the middle of much."""
    lines = [shorten(line.raw) for line in run.lines]
    lines += [shorten(line) for line in run.stderr.splitlines()]
    left_out = len(lines) - 2 * at_ends
    if left_out > 1:
        lines[at_ends:-at_ends] = [f"... {left_out:,} lines are not shown"]
    lines = lines or ["(it printed nothing)"]
    return title(run) + indent("\n".join(lines), 10)


def shorten(text: str, most: int = 500) -> str:
    """Returns a line as it can be shown: not too long, and without controls."""
    shown = "".join(
        c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}"
        for c in text[:most]
    )
    return shown + (
        f"... ({len(text):,} characters)" if len(text) > most else ""
    )


def indent(text: str, columns: int = 4) -> str:
    """Moves all lines of a text to the right."""
    return "\n".join(" " * columns + line for line in text.splitlines())


def _margin(run: Run) -> match.Margin:
    return match.Margin([shorten(line.raw) for line in run.lines])


def _match(expected: match.Expected, text: str) -> re.Match[str]:
    assert isinstance(expected, str)
    found = match.full_match(expected, text)
    assert found
    return found


def _places(run: Run, pattern: str) -> list[int]:
    return [
        i
        for i, line in enumerate(run.lines)
        if match.full_match(pattern, line.raw)
        or match.full_match(pattern, line.text)
    ]


def _find(run: Run, pattern: str) -> int | None:
    return next(iter(_places(run, pattern)), None)


def by_number(outcome: str) -> tuple[float, str]:
    """Orders outcomes: numbers by their size, before all others."""
    try:
        return float(outcome), outcome
    except ValueError:
        return float("inf"), outcome
