"""What hostile submissions try, and that each of them fails.

Each file of attacks/ is one submission: it is compiled and judged as a class's
would be. See attacks/attack.h for what it says, and docs/grading.md.
"""

import contextlib
import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from concurrent import futures
from typing import ClassVar
from unittest import mock

from grader import building, cell, judging, model, walls
from harness import exercises, judge as judges, results

_ROOT = pathlib.Path(__file__).absolute().parent.parent
_ATTACKS = pathlib.Path(__file__).absolute().parent / "attacks"
_SEED = "a seed that no submission can know"
_AT_A_TIME = 3
_FOUND = walls.Walls.find()
_CANNOT = "; ".join(f"{w.name}: {w.reason}" for w in _FOUND.missing)
# What is tried, and refused: then it only says PASS, and lacks the lines of a
# right program, or the processes.
_REFUSED = (model.WRONG, "there is no line .Receiver: |has not started the")
# An attack that has no end is given less time.
_SHORT = {"IPC_LABS_TIME_SCALE": "0.2"}
_CPU_S = 2
# What a terminal or a page would obey; no editor should have to show it.
_HOSTILE = (
    "\x1b]0;title\x07\x1b[2J\x1b[31m <script>alert(1)</script> ]]>"
    " \udcff\udcfe \u202e \r"
)


_Edits = Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class _Attack:
    """What is judged, and what must come of it.

    name: of the file.
    status: of the judgement.
    why: what is in its reason, checks or suspicions, as a pattern.
    """

    name: str
    status: str
    why: str


def _attacks(wanted: Mapping[str, tuple[str, str]]) -> list[_Attack]:
    return [_Attack(name, *what) for name, what in wanted.items()]


class _Canaries:
    """Things on the machine that no submission may find, or change."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.stack = contextlib.ExitStack()
        mark = f"ipc-labs-canary-{os.getpid()}"
        self.file = folder / "canary"
        self.file.write_text(mark, encoding="ascii")
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._abstract = socket.socket(socket.AF_UNIX)
        self._abstract.bind(f"\0{mark}")
        self._named = socket.socket(socket.AF_UNIX)
        self._named.bind(str(folder / "socket"))
        for one in (self._tcp, self._abstract, self._named):
            self.stack.enter_context(one)
            one.listen()
            one.setblocking(False)
        # Of the user of a slot that no submission has.
        user = _FOUND.users_from(walls.SLOTS_MAX - 1) + cell.SUBMITTER
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _HOLDER, mark, str(user)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin and self._process.stdout
        self.stack.enter_context(self._process.stdout)
        self.stack.callback(self._process.wait)
        self.stack.enter_context(self._process.stdin)  # Closed, it ends.
        self.key = int(self._process.stdout.readline())
        self.text = self._declared(mark, folder)

    def _declared(self, mark: str, folder: pathlib.Path) -> str:
        """Returns what tells an attack of them, in one line."""
        texts = {
            "kFile": str(self.file),
            "kSocket": str(folder / "socket"),
            "kAbstract": mark,
            "kShared": f"/{mark}",
            "kSeed": _SEED,
            "kMark": mark,
        }
        numbers = {
            "kPid": self._process.pid,
            "kGraderPid": os.getpid(),
            "kPort": self._tcp.getsockname()[1],
            "kKey": self.key,
        }
        lines = [f'inline const char {k}[] = "{v}";' for k, v in texts.items()]
        lines += [f"inline const int {k} = {v};" for k, v in numbers.items()]
        return "namespace canary {" + " ".join(lines) + "}\n"

    def problems(self) -> list[str]:
        """Returns what has happened to them, a line each."""
        found = []
        if self.file.read_text(encoding="ascii") != self.text.split('"')[11]:
            found.append("the file was changed")
        for one in (self._tcp, self._abstract, self._named):
            with contextlib.suppress(BlockingIOError):
                one.accept()[0].close()
                found.append(f"{one.getsockname()} was reached")
        pid = self._process.pid
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        # Its state, and its niceness, which was ours.
        if fields[0] not in "SR" or fields[16] != str(os.nice(0)):
            found.append(f"the process was stopped or slowed down: {stat}")
        else:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            if self._process.stdout.readline() != "whole\n":
                found.append("what the process shares was changed")
        return found


# Has a segment, a shared object and a queue, and says if they are as they were.
_HOLDER = """
import ctypes, os, sys
user = int(sys.argv[2])
os.setresuid(user, user, user)
os.umask(0)
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
name = ("/" + sys.argv[1]).encode()
key = os.getpid()
number = libc.shmget(key, 4096, 0o1666)
place = libc.shmat(number, None, 0)
ctypes.memset(place, 7, 1)
shared = libc.shm_open(name, os.O_RDWR | os.O_CREAT, 0o666)
os.write(shared, b"whole")
queue = libc.mq_open(name, os.O_RDWR | os.O_CREAT, 0o666, None)
print(key, flush=True)
for _ in sys.stdin:
    again = libc.shm_open(name, os.O_RDWR, 0)
    is_whole = (
        libc.shmget(key, 0, 0) == number
        and ctypes.string_at(place, 1) == bytes([7])
        and again >= 0
        and os.pread(again, 9, 0) == b"whole"
        and (queue < 0 or libc.mq_open(name, os.O_RDWR) >= 0)
    )
    print("whole" if is_whole else "changed", flush=True)
libc.shmctl(number, 0, None)
libc.shm_unlink(name)
libc.mq_unlink(name)
"""


class AttackTest(unittest.TestCase):
    """The course, a judge with all walls, and the canaries, for all tests."""

    _stack: ClassVar[contextlib.ExitStack]
    tree: ClassVar[building.Tree]
    canaries: ClassVar[_Canaries]
    standards: ClassVar[dict[str, judging.Standard]]

    @classmethod
    def setUpClass(cls) -> None:
        if _CANNOT:
            raise unittest.SkipTest(f"not all walls stand here: {_CANNOT}")
        cls._stack = contextlib.ExitStack()
        cls.addClassCleanup(cls._stack.close)
        name = cls._stack.enter_context(tempfile.TemporaryDirectory())
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # So that only the walls are in the way.
        cls.tree = building.Tree(_ROOT, folder)
        cls.canaries = _Canaries(folder)
        cls._stack.enter_context(cls.canaries.stack)
        cls.standards = {}

    def setUp(self) -> None:
        # Before a test makes limits smaller: the solution must keep to them.
        self.quick = self.exercise(exercises.MEND, "pipes/unclosed_end")
        self.standard(self.quick)

    def judge(
        self, found: walls.Walls = _FOUND, tree: building.Tree | None = None
    ) -> judging.Judge:
        """Returns a judge with these walls."""
        return judging.Judge(tree or self.tree, found, _SEED)

    def exercise(self, kind: str, title: str) -> exercises.Exercise:
        """Returns an exercise."""
        lab, _, name = title.partition("/")
        room = "projects" if kind == exercises.BUILD else "labs"
        return exercises.find(_ROOT / room / lab, kind, name)

    def standard(self, exercise: exercises.Exercise) -> judging.Standard:
        """Returns what submissions are compared with."""
        if exercise.title not in self.standards:
            judge = self.judge()
            made = [
                judge.judge_own(exercise, one, 0)
                for one in judging.own(exercise)
            ]
            self.standards[exercise.title] = judging.Standard.of(*made)
        return self.standards[exercise.title]

    def source(self, name: str) -> str:
        """Returns an attack, with what it includes and knows."""
        head = (_ATTACKS / "attack.h").read_text(encoding="utf-8")
        data = (_ATTACKS / f"{name}.cc").read_bytes()
        text = data.decode("utf-8", "surrogateescape")
        for word, value in (
            ('#include "attack.h"', self.canaries.text + head),
            ("CANARY_FILE", f'"{self.canaries.file}"'),
            ("HOSTILE_TEXT", _HOSTILE),
            ("CANARY_SOCKET", f'"{self.canaries.file.parent}/socket"'),
        ):
            text = text.replace(word, value)
        return text

    def judged(
        self,
        judge: judging.Judge,
        exercise: exercises.Exercise,
        source: str,
        slot: int = 0,
    ) -> model.Judgement:
        """Returns what comes of a submission."""
        data = source.encode("utf-8", "surrogateescape")
        one = model.Submission("mallory", exercise.title, data)
        return judge.judge(exercise, self.standard(exercise), one, slot)

    def assert_all(
        self,
        attacks: Sequence[_Attack],
        other: exercises.Exercise | None = None,
    ) -> None:
        """Judges attacks, some at a time; each has its verdict."""
        exercise = other or self.quick
        self.standard(exercise)
        judge = self.judge()
        with futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
            slots = list(range(_AT_A_TIME))

            def play(attack: _Attack) -> model.Judgement:
                slot = slots.pop()
                try:
                    source = self.source(attack.name)
                    return self.judged(judge, exercise, source, slot)
                finally:
                    slots.append(slot)

            made = list(pool.map(play, attacks))
        for attack, judgement in zip(attacks, made):
            with self.subTest(attack.name):
                self.assert_verdict(attack, judgement)
        self.assert_nothing_is_left()

    def assert_verdict(self, attack: _Attack, found: model.Judgement) -> None:
        """It is as planted, and nothing has got through."""
        told = _told(found)
        self.assertEqual(found.status, attack.status, told)
        self.assertRegex(told, attack.why)
        self.assertNotIn("got through:", told)

    def assert_nothing_is_left(self) -> None:
        """The machine is as it was before."""
        begin = _FOUND.users_from(0)
        users = range(begin, begin + _AT_A_TIME * cell.USERS)
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                self.assertNotIn(folder.stat().st_uid, users, folder)
        for tree in _FOUND.trees:
            mine = tree.folder.glob(f"ipc-labs-{os.getpid()}-*")
            self.assertEqual([*mine], [])
        self.assertEqual(os.listdir(self.tree.scratch), [])
        mounts = pathlib.Path("/proc/self/mountinfo").read_text("utf-8")
        self.assertNotIn(str(self.tree.folder.parent), mounts)
        self.assertEqual(self.canaries.problems(), [])


def _told(found: model.Judgement) -> str:
    checks = [f"{c.name} {c.status}: {c.detail}" for c in found.checks]
    return "\n".join([found.reason, *found.suspicions, *checks])


class RuntimeTest(AttackTest):
    """What a submission tries when it runs."""

    def test_what_is_refused_is_no_right_program(self) -> None:
        """It prints PASS, or even all lines, and has done nothing for it."""
        names = (
            *("forged_pass", "forged_transcript", "forged_results"),
            *("forged_exploration", "forged_events", "reads", "signals"),
            *("traces", "privileges", "network", "ipc_objects", "disk"),
            *("locks", "own_executable", "terminal", "compile_links"),
            "hostile_arguments",
        )
        self.assert_all([_Attack(name, *_REFUSED) for name in names])

    def test_what_breaks_a_reader_is_wrong(self) -> None:
        """Not broken: it is the submission's own fault."""
        wrong = model.WRONG
        self.assert_all(
            _attacks(
                {
                    "forged_skip": (wrong, "this machine cannot play it"),
                    "forged_events_broken": (wrong, "world has died"),
                    "forged_events_endless": (wrong, "64 MiB of events"),
                    "deep_folders": (wrong, "world has died"),
                    "hostile_names": (wrong, "it hangs"),
                    "output_hostile": (wrong, "exit status is 1"),
                    "output_endless": (wrong, "printed more than"),
                    "output_endless_errors": (wrong, "printed more than"),
                    "output_one_line": (wrong, "printed more than"),
                    "leaves_processes": (wrong, "it leaves a"),
                    "leaves_a_chain": (wrong, "it leaves a"),
                }
            )
        )

    def test_what_takes_too_much_is_wrong(self) -> None:
        """It meets a limit that is named, or its own failing."""
        wrong = model.WRONG
        self.assert_all(
            _attacks(
                {
                    "memory_heap": (wrong, "memory"),
                    "memory_files": (wrong, "memory|signal 9"),
                    "memory_system_v": (wrong, "memory|sysv shm"),
                    "inodes": (wrong, "it leaves a file behind"),
                }
            )
        )

    def test_what_never_ends_is_ended(self) -> None:
        """By the limits of a run, which are short here."""
        wrong = model.WRONG
        with mock.patch.dict(os.environ, _SHORT):
            self.assert_all(
                _attacks(
                    {
                        "memory_pipes": (wrong, "memory|it hangs|it leaves a"),
                        "descriptors": (wrong, "it hangs"),
                        "thread_bomb": (wrong, "room for few"),
                        "fork_bomb": (wrong, "it hangs"),
                        "vfork_bomb": (wrong, "it hangs"),
                        "endless_work": (wrong, "it had not ended after"),
                        "endless_sleep": (wrong, "it had not ended after"),
                        "endless_stop": (wrong, "stopped by a signal"),
                    }
                )
            )


class CompileTest(AttackTest):
    """What a submission tries when it is compiled."""

    def test_it_includes_no_file_that_is_not_its_own(self) -> None:
        """Neither the checks, nor the solution, nor what never ends."""
        absent = "No such file or directory|file not found"
        wanted = {
            "reads_passwd": "'root'",  # Of the cell: it holds one line.
            "reads_the_checks": absent,
            "reads_the_solution": absent,
            "reads_the_environment": absent,
            "reads_stdin": absent,
            "reads_a_folder": absent,
            "reads_a_terminal": "No such device|" + absent,
            "reads_itself": "include nested depth",
            "probes": "nothing got through",
            "incbin": absent,
            "incbin_zero": "unable to include|took too much",
            "reads_zero": "took too much",
        }
        self.assert_all(
            [
                _Attack(
                    f"compile_{name}", model.WRONG, f"it compiles(.|\n)*({why})"
                )
                for name, why in wanted.items()
            ]
        )

    def test_a_compiler_that_takes_too_much_is_ended(self) -> None:
        """It says what was too much, and the text can be printed."""
        wanted = {
            "constexpr": "loop iteration count",
            "constexpr_many": "took too much",
            "templates": "instantiation depth",
            "templates_wide": "took too much",
            "macros": "took too much",
            "big_array": "took too much",
            "fill": "took too much",
            "errors": "said too much|error",
            "messages": "said too much",
            "deep": "took too much",
            "hostile_error": "#error",
            "forged_place": "passwd:1",
        }
        # pylint: disable-next=protected-access
        limits = {**building._LIMITS, "CPU": _CPU_S}
        with mock.patch.object(building, "_LIMITS", limits):
            self.assert_all(
                [
                    _Attack(
                        f"compile_{name}",
                        model.WRONG,
                        f"it compiles(.|\n)*({why})",
                    )
                    for name, why in wanted.items()
                ]
            )

    def test_a_program_that_is_too_large_does_not_start(self) -> None:
        """Its size is a number in the file, and costs nothing."""
        self.assert_all([_Attack("compile_bss", model.WRONG, "signal")])


class OtherExercisesTest(AttackTest):
    """Attacks that need another exercise than the quickest one."""

    def test_a_transcript_does_not_replace_a_function(self) -> None:
        """The lab is run in more ways than one transcript fits."""
        exercise = self.exercise(exercises.WRITE, "pipes/play_act")
        self.standards[exercise.title] = judging.Standard()
        self.assert_all(
            _attacks({"forged_transcript_written": (model.WRONG, "failed:")}),
            exercise,
        )

    def test_an_answer_to_an_exploration_can_not_be_made_up(self) -> None:
        """It is passed with as few processes as no exploration takes."""
        self.assert_all(
            [_Attack("forged_exploration", model.WRONG, "1 failed: fewer")],
            self.exercise(exercises.MEND, _EXPLORED),
        )

    def test_no_program_says_what_cannot_be_checked(self) -> None:
        """What the solution passes here is played by all."""
        exercise = self.exercise(exercises.WRITE, "pipes/play_act")
        check = "no child that fails is overlooked"
        self.standards[exercise.title] = judging.Standard(
            made=frozenset([check])
        )
        source = self.source("forged_skip_of_one") + exercise.solution()
        for reason in ("there are no faults here", judges.OTHER_PROGRAM):
            text = source.replace("there are no faults here", reason)
            found = self.judged(self.judge(), exercise, text)
            self.assertEqual(found.status, model.WRONG)
            self.assertIn(f"{check}: it says that this machine", found.reason)

    def test_a_program_is_not_its_own_referee(self) -> None:
        """What it prints is read by the referee, and is no verdict."""
        exercise = self.exercise(exercises.BUILD, "echo_server/echo_server")
        self.standards[exercise.title] = judging.Standard()
        self.assert_all(
            _attacks({"forged_referee": (model.WRONG, "echo_server")}),
            exercise,
        )

    def test_root_of_a_namespace_is_nobody_outside_of_it(self) -> None:
        """Where a test makes a user namespace for the lab."""
        exercise = self.exercise(exercises.WRITE, "containers/serve_probes")
        found, outcome = self._judged_as_root(exercise)
        self.assertNotIn("got through", found)
        self.assertIn("namespaces are forbidden ok", found, outcome)

    def _judged_as_root(
        self, exercise: exercises.Exercise
    ) -> tuple[str, model.Judgement]:
        """Judges by the one test that makes a namespace: it is quick."""
        with tempfile.TemporaryDirectory() as name:
            tree = building.Tree(_ROOT, pathlib.Path(name))
            test = tree.folder / "labs" / "containers" / "containers_test.py"
            test.write_text(
                test.read_text(encoding="utf-8").replace(
                    'if __name__ == "__main__":', _ONLY_ONE
                ),
                encoding="utf-8",
            )
            source = self.source("is_root_of_a_namespace") + exercise.solution()
            data = model.Submission("m", exercise.title, source.encode())
            standard = judging.Standard(
                processes={"it is skipped where namespaces are forbidden": 6}
            )
            judge = self.judge(tree=tree)
            found = judge.judge(exercise, standard, data, 0)
        return _told(found), found


class _SmallWalls(walls.Walls):
    """Walls with room for less memory."""

    @property
    def memory_bytes(self) -> int:
        return 512 << 20


class WallsTakenDownTest(AttackTest):
    """Without a wall, the attack on it gets through, and its test fails.

    Each is bounded: what it could then do to the machine, it does not try.
    """

    def assert_caught_only_by(
        self,
        attack: str,
        whole: judging.Judge,
        open_judge: judging.Judge,
        without: contextlib.AbstractContextManager[object],
        got: str = "",
    ) -> None:
        """`got` gets through without the wall, and nothing with it."""
        source = self.source(attack)
        told = _told(self.judged(whole, self.quick, source))
        self.assertNotIn("got through:", told)
        with without:
            told = _told(self.judged(open_judge, self.quick, source))
        self.assertRegex(told, f"got through:.* {got}")

    def assert_caught_only_with(
        self, attack: str, got: str, changes: Mapping[str, _Edits]
    ) -> None:
        """The same, where the sources of the grader are edited.

        Args:
          attack: the name of its file.
          got: what gets through.
          changes: texts of a source and what stands there instead, by file.
        """
        with tempfile.TemporaryDirectory() as name:
            tree = building.Tree(_ROOT, pathlib.Path(name))
            for file, edits in changes.items():
                for old, new in edits:
                    _alter(tree.folder / file, old, new)
            if _WALL in changes:
                source = str(tree.folder / _WALL)
                command = ["g++", "-std=c++20", "-o", str(tree.wall), source]
                subprocess.run(command, check=True)
            made_by = str(tree.folder / "grader/cell.py")
            self.assert_caught_only_by(
                *(attack, self.judge(), self.judge(tree=tree)),
                mock.patch.object(cell, "__file__", made_by),
                got,
            )

    def test_without_a_user_of_its_own_it_reads_the_checks(self) -> None:
        """Root of the cell may read what is for root alone."""
        nobody = dataclasses.replace(_FOUND, first_user=0)
        self.assert_caught_only_by(
            *("forged_results", self.judge(), self.judge(nobody)),
            contextlib.nullcontext(),
        )

    def test_without_a_secret_folder_it_reads_the_checks(self) -> None:
        """Another user is not enough."""
        made = judging.Judge._cell  # pylint: disable=protected-access

        def shown(*told: object) -> cell.Cell:
            return dataclasses.replace(made(*told), secret=())  # type: ignore

        self.assert_caught_only_by(
            *("forged_results", self.judge(), self.judge()),
            mock.patch.object(judging.Judge, "_cell", shown),
        )

    def test_without_a_group_it_takes_more_memory(self) -> None:
        """What is in no process counts for none."""
        small = _SmallWalls(_FOUND.all, _FOUND.trees, _FOUND.first_user)
        free = _SmallWalls(_FOUND.all, (), _FOUND.first_user)
        self.assert_caught_only_by(
            *("memory_gibibyte", self.judge(small), self.judge(free)),
            contextlib.nullcontext(),
        )

    def test_without_a_network_of_its_own_it_reaches_the_machine(self) -> None:
        """Both the cell and the world of a run have one."""
        changes = {
            "grader/cell.py": [
                (" | 0x40000000\n", "\n"),
                ("        loopback_up()\n", ""),
            ],
            "harness/run.py": [(" | 0x40000000\n", "\n")],
        }
        self.assert_caught_only_with("network", "connect", changes)
        self.assertIn("was reached", " ".join(self.canaries.problems()))

    def test_without_ipc_of_its_own_it_opens_what_others_share(self) -> None:
        """Both the cell and the world of a run have one.

        It then reaches what is for everybody, and nothing else: to the
        machine, it is still a stranger.
        """
        shared = [(" | 0x8000000", "")]
        changes = {"grader/cell.py": shared, "harness/run.py": shared}
        got = "shmget .*shmat .*mq_open"
        self.assert_caught_only_with("ipc_objects", got, changes)
        self.assertEqual(self.canaries.problems(), [])

    def test_without_processes_of_its_own_it_sees_those_of_others(self) -> None:
        """Both the cell and the world of a run have a pid namespace.

        Taken down alone, it leaves a cell that cannot be made: only who has a
        pid namespace can mount a /proc. So the machine's /proc is shown, too.
        See cell_test.py for what else it is for.
        """
        changes = {
            "grader/cell.py": [
                (" | 0x20000000", ""),
                (
                    '"proc", f"{_ROOT}/proc", "proc", _NOSUID | _NODEV',
                    '"/proc", f"{_ROOT}/proc", "", _BIND | _REC',
                ),
                # It would end the process that has made the cell.
                ("os.kill(-1, signal.SIGKILL)", "pass"),
            ],
            "harness/run.py": [("0x20000000 | ", "")],
        }
        self.assert_caught_only_with("reads", "mark", changes)

    def test_without_a_filter_of_calls_it_makes_namespaces(self) -> None:
        """In one that is its own it would have all rights."""
        changes = {_WALL: [_FILTER]}
        self.assert_caught_only_with("privileges", "unshare:", changes)

    def test_new_privileges_are_given_up_by_more_than_the_filter(self) -> None:
        """Without a filter they still cannot be had.

        The other way round nothing runs: the kernel takes a filter only from
        a process that has given them up.
        """
        changes = {_WALL: [_FILTER, _NO_NEW_PRIVILEGES]}
        self.assert_caught_only_with("privileges", "new privileges", changes)

    def test_a_compiler_that_sees_more_tells_of_it(self) -> None:
        """All of the course, for one."""
        whole = [(str(self.tree.folder), "/course")]
        self.assert_caught_only_by(
            *("compile_probes", self.judge(), self.judge()),
            mock.patch.object(building.Tree, "headers", lambda *told: whole),
        )

    def test_without_counted_processes_a_transcript_is_enough(self) -> None:
        """Apart from words that a person should look at."""
        source = self.source("forged_transcript")
        told = _told(self.judged(self.judge(), self.quick, source))
        self.assertIn("has not started the processes", told)
        one = model.Submission("mallory", self.quick.title, source.encode())
        with tempfile.TemporaryDirectory() as name:
            tree = building.Tree(_ROOT, pathlib.Path(name))
            counts = "            _assert_alive(run, variant)\n"
            _alter(tree.folder / "harness/judge.py", counts, "")
            for standard, is_named in (
                (self.standard(self.quick), True),
                (judging.Standard(), False),
            ):
                found = self.judge(tree=tree).judge(
                    self.quick, standard, one, 0
                )
                self.assertEqual("fewer processes" in _told(found), is_named)


def _alter(file: pathlib.Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new), encoding="utf-8")


_WALL = "grader/wall.cc"
_FILTER = ("  filter_calls(wall.may_make_namespaces);\n", "")
_NO_NEW_PRIVILEGES = (
    '  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");\n',
    "",
)
_ONLY_ONE = """
for _name in dir(ContainersTest):
    if _name.startswith("test_") and "forbidden" not in _name:
        setattr(ContainersTest, _name, None)

if __name__ == "__main__":"""
_EXPLORED = "condition/if_for_while"


if __name__ == "__main__":
    results.main()
