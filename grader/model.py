"""What the parts of the grader tell each other.

A class is many learners; each has handed in a file for some of the exercises.
A `Submission` is one such file as it was found, a `Judgement` what came of it,
and a `Grade` what it is worth.
"""

import dataclasses
import hashlib

# How an exercise of a learner was judged.
RIGHT = "right"  # All checks passed.
HELD = "held"  # The same, but a person must look at it first.
WRONG = "wrong"  # At least one check failed.
REFUSED = "refused"  # It was not run: no program, or it could not be taken.
MISSING = "missing"  # Nothing was handed in.
BROKEN = "broken"  # The grader could not judge it; no fault of the learner.
UNDECIDED = (HELD, BROKEN)  # No points yet.
STATUSES = (RIGHT, HELD, WRONG, REFUSED, MISSING, BROKEN)

# How one check came out; as in harness/report.py.
OK, FAILED, SKIPPED = "ok", "failed", "skipped"
# How the name of a check begins of which the learner is not told what it does.
HIDDEN = "hidden: "


@dataclasses.dataclass(frozen=True)
class Submission:
    """One learner's file for one exercise.

    learner: the name of the learner's folder or archive, without ending; may
        hold any character but "/" and NUL, and bytes that are no UTF-8 as
        surrogates. Only `shown` may be printed.
    exercise: its title, such as "pipes/receive".
    source: what the file holds; None if there is none.
    problem: why the file could not be taken, in a line; "" if it could.
    """

    learner: str
    exercise: str
    source: bytes | None = None
    problem: str = ""

    @property
    def digest(self) -> str:
        """Names what was handed in: the same for the same file."""
        data = self.problem.encode("utf-8", "surrogateescape")
        if self.source is not None:
            data = self.source
        kind = b"-" if self.source is None else b"+"
        return hashlib.sha256(kind + data).hexdigest()


@dataclasses.dataclass(frozen=True)
class Check:
    """One check of a submission.

    name: a sentence, such as "a receiver sees the end".
    status: OK, FAILED or SKIPPED.
    kind: what failed: "build" or one of harness.expect.KINDS; "" if nothing.
    detail: what is said of it to the learner; may hold what the program said,
        cut to a bounded size, and any character.
    processes: how many were started for it, as the kernel has counted.
    """

    name: str
    status: str
    kind: str = ""
    detail: str = ""
    processes: int = 0

    @property
    def is_hidden(self) -> bool:
        """Whether the learner is not told what it does."""
        return self.name.startswith(HIDDEN)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """How one submission was judged.

    status: one of STATUSES.
    reason: in a line, why it is not RIGHT; "" if it is. It tells nothing of a
        hidden check.
    checks: all that were made, in order; none if it was not run.
    hints: what the learner is told to look at, as far as the plan allows.
    suspicions: what a person should look at, a line each. What would be RIGHT
        is HELD if there are any.
    duration_s: how long it took.
    """

    learner: str
    exercise: str
    digest: str
    status: str
    reason: str = ""
    checks: tuple[Check, ...] = ()
    hints: tuple[str, ...] = ()
    suspicions: tuple[str, ...] = ()
    duration_s: float = 0.0

    def for_learner(self) -> "Judgement":
        """Returns it with nothing of hidden checks but how they came out."""
        checks = [check for check in self.checks if not check.is_hidden]
        hidden = [check for check in self.checks if check.is_hidden]
        checks += [
            Check(f"hidden check {number}", check.status)
            for number, check in enumerate(hidden, 1)
        ]
        return dataclasses.replace(self, checks=tuple(checks))


@dataclasses.dataclass(frozen=True)
class Grade:
    """What a judgement is worth.

    points: from 0 to `most`; after lateness.
    days_late: whole days, each that has begun; 0 if in time.
    """

    judgement: Judgement
    points: float
    most: float
    days_late: int = 0


def shown(name: str) -> str:
    """Returns a name of somebody else's as it can be printed in a line."""
    return "".join(
        c
        if c.isprintable()
        else f"\\x{ord(c) & 0xFF:02x}"
        if 0xDC80 <= ord(c) <= 0xDCFF or ord(c) < 0x100
        else f"\\u{ord(c):04x}"
        for c in name
    )
