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
class _Found:
    """What judging in a cell came to: checks, or why there are none."""

    checks: Sequence[model.Check] = ()
    ended: str = ""  # Why the submission was stopped.
    problem: str = ""  # Why we could not judge it.


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

    def without_skips(self, found: _Found) -> _Found:
        """Returns it without what only the program says cannot be checked."""
        checks = [
            replace(
                check,
                status=model.FAILED,
                kind="output",
                detail=f"{_CAN_BE_PLAYED}: {check.detail}",
            )
            if check.status == model.SKIPPED and check.name in self.made
            else check
            for check in found.checks
        ]
        names = {check.name for check in checks}
        if [(c.name, c.status) for c in checks[:1]] == [(_COMPILES, model.OK)]:
            if not (found.ended or found.problem or _KEEPS in names):
                checks += [
                    model.Check(name, model.FAILED, "output", _CAN_BE_PLAYED)
                    for name in sorted(self.made - names)
                ]
        return replace(found, checks=checks)

    def is_forged(self, check: model.Check) -> bool:
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
        judgement = self._judged(exercise, standard, submission, slot)
        return replace(judgement, duration_s=time.monotonic() - start_s)

    def _judged(
        self,
        exercise: Exercise,
        standard: Standard,
        submission: model.Submission,
        slot: int,
    ) -> model.Judgement:
        def simple(status: str, reason: str) -> model.Judgement:
            return model.Judgement(
                submission.learner,
                submission.exercise,
                submission.digest,
                status,
                reason[:_REASON_MAX],
            )

        if submission.problem:
            return simple(model.REFUSED, submission.problem)
        if submission.source is None:
            return simple(model.MISSING, "nothing was handed in")
        if standard.problem:
            return simple(model.BROKEN, standard.problem)
        found = self._found(exercise, submission.source, slot)
        found = standard.without_skips(found)
        forged = [c for c in found.checks if standard.is_forged(c)]
        is_wrong = found.ended or any(
            check.status == model.FAILED for check in found.checks
        )
        if forged and is_wrong:
            found = replace(
                found,
                checks=[
                    replace(
                        check,
                        status=model.FAILED,
                        kind="output",
                        detail=_TOO_FEW,
                    )
                    if check in forged
                    else check
                    for check in found.checks
                ],
            )
        judgement = self._judgement(exercise, submission, found)
        source = submission.source.decode("utf-8", "replace")
        seen = suspicions.suspicious(exercise, source)
        if standard.lacks_processes(found.checks):
            seen.append(_TOO_FEW)
        judgement = replace(judgement, suspicions=tuple(seen))
        if seen and judgement.status == model.RIGHT:
            return replace(judgement, status=model.HELD, reason=_HELD)
        return judgement

    def _judgement(
        self, exercise: Exercise, submission: model.Submission, found: _Found
    ) -> model.Judgement:
        failed = [c for c in found.checks if c.status == model.FAILED]
        told = [check for check in failed if not check.is_hidden]
        status, reason = model.RIGHT, ""
        if found.problem:
            status, reason = model.BROKEN, found.problem
        elif found.ended:
            status, reason = model.WRONG, found.ended
        elif failed:
            status = model.WRONG
            reason = _first_line(told[0]) if told else _FAILS_HIDDEN
        elif not any(
            c.status == model.OK and c.name != _COMPILES for c in found.checks
        ):
            status = model.BROKEN
            reason = "no check can be made on this machine"
        return model.Judgement(
            learner=submission.learner,
            exercise=submission.exercise,
            digest=submission.digest,
            status=status,
            reason=reason[:_REASON_MAX],
            checks=tuple(found.checks),
            hints=self._hints_for(exercise, told),
        )

    def _found(self, exercise: Exercise, source: bytes, slot: int) -> _Found:
        users_from = self._walls.users_from(slot)
        built = building.build(
            self._tree, exercise, source, users_from, self._run
        )
        if built.problem:
            return _Found(problem=built.problem)
        if built.program is None:
            detail = attempt.first_error(built.output)
            return _Found(
                [model.Check(_COMPILES, model.FAILED, "build", detail)]
            )
        checks = [model.Check(_COMPILES, model.OK)]
        if text := exercise.altered(source.decode("utf-8", "replace")):
            checks.append(model.Check(_KEEPS, model.FAILED, "output", text))
            return _Found(checks)
        found = self._play(exercise, built.program, users_from)
        return _Found([*checks, *found.checks], found.ended, found.problem)

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
    ) -> _Found:
        """Runs the tests of an exercise with a program."""
        with tempfile.TemporaryDirectory(dir=self._tree.scratch) as folder:
            file = pathlib.Path(folder) / "program"
            file.write_bytes(program)
            file.chmod(0o755)
            answer = self._run(self._cell(exercise, file, users_from))
        if answer.lacked_memory and (answer.result is None or answer.status):
            return _Found(ended="it took more memory than it may have")
        if answer.is_late:
            minutes = _LIMIT_S / 60
            return _Found(ended=f"it was not done after {minutes:.0f} minutes")
        if answer.problem:
            return _Found(problem=answer.problem)
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


def _read(exercise: Exercise, answer: cell.Answer) -> _Found:
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
        return _Found(problem=f"judging failed: {error}")
    done = {one["name"] for one in made}
    checks += [
        model.Check(name, model.FAILED, "output", _NOT_MADE)
        for name in names
        if name not in done
    ]
    return _Found(checks)


def _first_line(check: model.Check) -> str:
    text = next((x for x in check.detail.splitlines() if x.strip()), "")
    return f"{check.name}: {text.strip()}"
