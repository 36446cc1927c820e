"""Judges submissions: compiles each in a cell, and plays its tests in another.

    judge = judging.Judge(tree, walls, seed)
    judgement = judge.judge(exercise, submission, slot=0)

What is found out comes from our own process in the cell, by a way that the
submission does not have; see worker.py. What a submission says is looked at
there as what it is: the words of a program that may lie.
"""

import contextlib
import hashlib
import json
import pathlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader import building, cell, groups, model, suspicions, worker
from grader.walls import Walls
from harness import attempt, judge
from harness.exercises import Exercise
from harness.judge import program_name
from harness.run import time_scale

# A right program takes a tenth of it on a slow machine. Until then every run
# in it has its own, smaller limit.
_LIMIT_S = 900.0
_PROCESSES_MAX = 1_500
# In place of a learner's name, which cannot hold such a character.
OWN = ("\0as handed out", "\0the solution")
_NOTHING = "nothing was handed in"
_HELD = "all checks passed; a person looks at it before it counts"
_TOO_FEW = "fewer processes were started than a right program needs"
_CAN_BE_PLAYED = (
    "it says that this machine cannot play it, where the solution is played"
)
_COMPILES = "it compiles"
_KEEPS = "what shows the mistake is still there"
_NOT_MADE = "not made: an earlier check had to be stopped"
_FAILS_HIDDEN = "a hidden check fails"
# Labs of which a test makes namespaces for the program.
_OWN_NAMESPACES = ("containers", "mechanisms")
_REASON_MAX = 300
# A right program starts as many processes as the solution does, give or take
# some where a check interrupts it. Much less is the mark of one that only says
# what a right program says: in all checks together, or in one of them.
_PROCESSES_PART, _PROCESSES_PART_OF_ONE = 0.85, 0.5


@dataclass(frozen=True)
class Found:
    """What judging in a cell came to: checks, or why there are none."""

    checks: Sequence[model.Check] = ()
    ended: str = ""  # Why the submission was stopped.
    problem: str = ""  # Why we could not judge it.

    @property
    def failed(self) -> list[model.Check]:
        """The checks that failed."""
        return [c for c in self.checks if c.status == model.FAILED]

    @property
    def told(self) -> list[model.Check]:
        """Those of them that the learner is told of."""
        return [check for check in self.failed if not check.is_hidden]

    @property
    def verdict(self) -> tuple[str, str]:
        """The status that follows from it, and the reason."""
        if self.problem:
            return model.BROKEN, self.problem
        if self.ended:
            return model.WRONG, self.ended
        if self.told:
            return model.WRONG, first_line(self.told[0])
        if self.failed:
            return model.WRONG, _FAILS_HIDDEN
        if all(
            c.status != model.OK or c.name == _COMPILES for c in self.checks
        ):
            return model.BROKEN, "no check can be made on this machine"
        return model.RIGHT, ""


@dataclass(frozen=True)
class Standard:
    """What there is to compare submissions for an exercise with.

    passes: the names of the checks that it passes as it is handed out.
    processes: how many processes the solution starts, by the name of the check.
    made: the names of the checks that the solution passes here.
    problem: why it cannot be judged on this machine; "" if it can.
    """

    passes: frozenset[str] = frozenset()
    processes: Mapping[str, int] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    problem: str = ""

    @classmethod
    def of(
        cls, handed_out: model.Judgement, solution: model.Judgement
    ) -> "Standard":
        """Makes one of how the exercise itself was judged."""
        if solution.status != model.RIGHT:
            return cls(problem=f"the solution fails here: {solution.reason}")
        if handed_out.status != model.WRONG:
            return cls(problem="nothing is found wrong with it as handed out")
        return cls(
            frozenset(
                c.name for c in handed_out.checks if c.status == model.OK
            ),
            {c.name: c.processes for c in solution.checks},
            frozenset(c.name for c in solution.checks if c.status == model.OK),
        )

    def weighed(self, found: Found) -> Found:
        """Returns what was found, with each check as it counts.

        A check that the solution passes here cannot be skipped. One that may
        be forged fails if the submission is wrong in any case; otherwise a
        person decides, see `lacks_processes`.
        """
        checks = [self._without_skip(check) for check in found.checks]
        checks += self._left_out(found)
        found = replace(found, checks=checks)
        if not found.ended and not found.failed:
            return found
        return replace(
            found,
            checks=[
                _failed(check, _TOO_FEW) if self._is_forged(check) else check
                for check in checks
            ],
        )

    def _without_skip(self, check: model.Check) -> model.Check:
        """Returns a check; it fails if only the program has skipped it."""
        if check.status == model.SKIPPED and check.name in self.made:
            return _failed(check, f"{_CAN_BE_PLAYED}: {check.detail}")
        return check

    def _left_out(self, found: Found) -> list[model.Check]:
        """Returns the checks that only the program has kept from being made."""
        if not found.checks or found.ended or found.problem:
            return []
        names = {check.name for check in found.checks}
        does_compile = found.checks[0].status == model.OK
        if not does_compile or _KEEPS in names:
            return []
        return [
            model.Check(name, model.FAILED, "output", _CAN_BE_PLAYED)
            for name in sorted(self.made - names)
        ]

    def _is_forged(self, check: model.Check) -> bool:
        """Whether a check was passed with far fewer processes than it takes."""
        wanted = self.processes.get(check.name, 0)
        if check.status != model.OK or not wanted:
            return False
        return check.processes <= wanted * _PROCESSES_PART_OF_ONE

    def lacks_processes(self, checks: Sequence[model.Check]) -> bool:
        """Whether all checks that were passed took fewer processes."""
        passed = [check for check in checks if check.status == model.OK]
        started = sum(check.processes for check in passed)
        wanted = sum(self.processes.get(check.name, 0) for check in passed)
        return started < wanted * _PROCESSES_PART


def _failed(check: model.Check, why: str) -> model.Check:
    return replace(check, status=model.FAILED, kind="output", detail=why)


def own(exercise: Exercise) -> list[model.Submission]:
    """Returns the exercise as it is handed out, and its solution."""
    sources = (exercise.copy(), exercise.solution())
    return [
        model.Submission(name, exercise.title, source.encode())
        for name, source in zip(OWN, sources)
    ]


class Judge:
    """Judges submissions, any number at a time.

    Args:
      tree: the course.
      walls: which of the walls stand.
      seed: chooses the peers of a project; no submission can know it.
      hints: how many rungs of a hint are shown.
    """

    def __init__(
        self, tree: building.Tree, walls: Walls, seed: str, hints: int = 0
    ) -> None:
        self._tree = tree
        self._walls = walls
        self._seed = seed
        self._hints = hints
        self._lock = threading.Lock()
        self._running: set[cell.Running] = set()
        self._is_ended = False

    @property
    def digest(self) -> str:
        """Names how it judges: what another one has judged is judged again."""
        names = sorted(
            str(path.relative_to(self._tree.folder))
            for path in self._tree.folder.rglob("*")
            if path.is_file()
        )
        told = hashlib.sha256()
        for name in names:
            data = (self._tree.folder / name).read_bytes()
            told.update(f"{name} {len(data)}\n".encode())
            told.update(data)
        # What was judged without a wall may be forged.
        missing = [wall.name for wall in self._walls.missing]
        told.update(f"{self._seed} {self._hints} {missing}".encode())
        return told.hexdigest()

    def judge_own(
        self, exercise: Exercise, one: model.Submission, slot: int
    ) -> model.Judgement:
        """Judges one of `own`; no two at the same time have the same slot."""
        assert one.source is not None
        found = self._found(exercise, one.source, slot)
        return self._judgement(exercise, one, found)

    def judge(
        self,
        exercise: Exercise,
        standard: Standard,
        submission: model.Submission,
        slot: int,
    ) -> model.Judgement:
        """Judges one submission; no two at the same time have the same slot."""
        start_s = time.monotonic()
        if submission.problem:
            return _judgement(submission, model.REFUSED, submission.problem)
        if submission.source is None:
            return _judgement(submission, model.MISSING, _NOTHING)
        if standard.problem:
            return _judgement(submission, model.BROKEN, standard.problem)
        found = standard.weighed(self._found(exercise, submission.source, slot))
        source = submission.source.decode("utf-8", "replace")
        seen = suspicions.suspicious(exercise, source)
        if standard.lacks_processes(found.checks):
            seen.append(_TOO_FEW)
        judgement = self._judgement(exercise, submission, found, seen)
        return replace(judgement, duration_s=time.monotonic() - start_s)

    def _judgement(
        self,
        exercise: Exercise,
        submission: model.Submission,
        found: Found,
        seen: Sequence[str] = (),
    ) -> model.Judgement:
        verdict = found.verdict
        if seen and verdict[0] == model.RIGHT:
            verdict = model.HELD, _HELD
        return replace(
            _judgement(submission, *verdict),
            checks=tuple(found.checks),
            hints=self._hints_for(exercise, found.told),
            suspicions=tuple(seen),
        )

    def _found(self, exercise: Exercise, source: bytes, slot: int) -> Found:
        users_from = self._walls.users_from(slot)
        built = building.build(
            self._tree, exercise, source, users_from, self._run
        )
        if built.problem:
            return Found(problem=built.problem)
        if built.program is None:
            detail = attempt.first_error(built.output)
            return Found(
                [model.Check(_COMPILES, model.FAILED, "build", detail)]
            )
        checks = [model.Check(_COMPILES, model.OK)]
        if text := exercise.altered(source.decode("utf-8", "replace")):
            checks.append(model.Check(_KEEPS, model.FAILED, "output", text))
            return Found(checks)
        found = self._play(exercise, built.program, users_from)
        return Found([*checks, *found.checks], found.ended, found.problem)

    @contextlib.contextmanager
    def _group(self) -> Iterator[groups.Group | None]:
        if not self._walls.trees:
            yield None
            return
        memory = self._walls.memory_bytes
        with groups.group(self._walls.trees, memory, _PROCESSES_MAX) as one:
            yield one

    def _run(self, one: cell.Cell) -> cell.Answer:
        """Runs a cell in a group of its own, unless all is to end."""
        with self._group() as group:
            running = cell.Running(one, group.add if group else None)
            with self._lock:
                self._running.add(running)
                if self._is_ended:
                    running.end()
            try:
                answer = running.answer()
            finally:
                with self._lock:
                    self._running.discard(running)
            if group and group.was_short_of_memory:
                answer = replace(answer, lacked_memory=True)
            return answer

    def end(self) -> None:
        """Ends what is being judged; it, and all that follows, is BROKEN."""
        with self._lock:
            self._is_ended = True
            for running in self._running:
                running.end()

    def _play(
        self, exercise: Exercise, program: bytes, users_from: int
    ) -> Found:
        """Runs the tests of an exercise with a program."""
        with tempfile.TemporaryDirectory(dir=self._tree.scratch) as folder:
            file = pathlib.Path(folder) / "program"
            file.write_bytes(program)
            file.chmod(0o755)
            answer = self._run(self._cell(exercise, file, users_from))
        if answer.lacked_memory and (answer.result is None or answer.status):
            return Found(ended="it took more memory than it may have")
        if answer.is_late:
            minutes = _LIMIT_S / 60
            return Found(ended=f"it was not done after {minutes:.0f} minutes")
        if answer.problem:
            return Found(problem=answer.problem)
        return _read(exercise, answer)

    def _cell(
        self, exercise: Exercise, program: pathlib.Path, users_from: int
    ) -> cell.Cell:
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": "/tmp",
            "LANG": "C.UTF-8",
            "IPC_LABS_JUDGED": "1",  # See labs/isolation/isolation_test.py.
            "IPC_LABS_TIME_SCALE": str(time_scale()),
        }
        code = (
            "import sys; sys.path.insert(0, '/judge/course');"
            "from grader.worker import main; main()"
        )
        asked = {
            "root": "/judge/course",
            "kind": exercise.kind,
            "lab": exercise.lab,
            "name": exercise.name,
            "user": cell.SUBMITTER if users_from else 0,
            "namespaces": exercise.lab in _OWN_NAMESPACES,
            "seed": self._number(exercise),
        }
        name = program_name(exercise) if users_from else "program"
        return cell.Cell(
            command=[sys.executable, "-I", "-S", "-c", code],
            shows=[
                (str(self._tree.folder), "/judge/course"),
                (str(self._tree.wall), worker.WALL),
                (str(program), f"{worker.SUBMISSIONS}/{name}"),
            ],
            secret=["/judge"],
            env=environment,
            users_from=users_from,
            asked=json.dumps(asked),
            limit_s=_LIMIT_S * time_scale(),
            result=worker.JUDGED,
            result_bytes_max=16 << 20,
        )

    def _number(self, exercise: Exercise) -> int:
        """Returns where the seeds of an exercise begin."""
        text = f"{self._seed} {exercise.title}"
        data = hashlib.sha256(text.encode()).digest()
        return int.from_bytes(data[:3], "big")

    def _hints_for(
        self, exercise: Exercise, failed: Sequence[model.Check]
    ) -> tuple[str, ...]:
        if not failed:
            return ()
        first = failed[0]
        advice = exercise.advice(first.name, f"{first.kind}: {first.detail}")
        return advice[: self._hints]


def _judgement(
    submission: model.Submission, status: str, reason: str
) -> model.Judgement:
    """Returns a judgement without any checks."""
    return model.Judgement(
        submission.learner,
        submission.exercise,
        submission.digest,
        status,
        reason[:_REASON_MAX],
    )


def _read(exercise: Exercise, answer: cell.Answer) -> Found:
    """Reads what worker.py has written."""
    lines = (answer.result or b"").decode(errors="replace").splitlines()
    try:
        told = [json.loads(line) for line in lines]
        if answer.status or not told or told[-1] is not None:
            raise ValueError(answer.said.decode(errors="replace")[-1000:])
        names, *made = told[:-1]
        checks = [
            model.Check(
                name=one["name"],
                status=one["status"],
                kind=one["kind"],
                detail=attempt.in_learners_words(exercise, one["detail"]),
                processes=one["processes"],
            )
            for one in made
            # What needs another program of the lab says nothing of this one.
            if one["detail"] != judge.OTHER_PROGRAM
        ]
    except (ValueError, KeyError, TypeError) as error:
        return Found(problem=f"judging failed: {error}")
    done = {one["name"] for one in made}
    checks += [
        model.Check(name, model.FAILED, "output", _NOT_MADE)
        for name in names
        if name not in done
    ]
    return Found(checks)


def first_line(check: model.Check) -> str:
    """Returns which check it is, and the first line of what is said of it."""
    text = next((x for x in check.detail.splitlines() if x.strip()), "")
    return f"{check.name}: {text.strip()}"
