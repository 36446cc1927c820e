"""Names what a person should look at in a source; it changes no points.

    for line in suspicious(exercise, source): ...

Only words count that occur neither in the file as handed out, nor in its
solution, nor in a planted wrong solution. So what the exercise itself needs is
not named. A learner who wants to hide something can, by macros for instance:
this is no wall, but where a person who is short of time looks first.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence

from grader.model import shown
from harness import exercises
from harness.exercises import BUILD, MEND, Exercise

# Lines about one source: who wants to hide one thing among many is seen.
MOST_LINES = 8
# Characters of a source that are looked at. The longest solution has 6,000, and
# for what never ends, such as many R"(, the time grows with their square.
MOST_LOOKED_AT = 32 << 10
# The share of the file as handed out below which it may be another program. The
# solution that changes most leaves 60 percent. Between two labs' programs, at
# most half is alike.
LEAST_SHARED = 0.5
# What is shown of a literal, or of a header's name.
MOST_SHOWN = 60

_WORDS = {
    why: frozenset(words.split())
    for why, words in {
        "machine code can do what no check sees": "asm __asm __asm__",
        "it ends the process without what its end does else": (
            "_exit _Exit quick_exit abort"
        ),
        "it calls the kernel by number": "syscall",
        "it changes what the compiler does or says": "_Pragma",
        "it can look into another process, or change it": (
            "ptrace process_vm_readv process_vm_writev pidfd_getfd"
        ),
        "it loads code that is not in the source": "dlopen dlmopen dlsym",
        "the environment may hold what is not the program's": (
            "environ __environ getenv secure_getenv setenv putenv unsetenv"
            " clearenv"
        ),
        "it runs before or after main": (
            "constructor destructor init_array fini_array"
        ),
        "it asks the compiler which files there are": (
            "__has_include __has_include_next __has_embed"
        ),
        "it starts a process in another way than the exercise": "fork vfork",
        "it runs another program": (
            "execve execv execvp execvpe execl execlp execle execveat fexecve"
            " posix_spawn posix_spawnp system popen"
        ),
    }.items()
}
_WHY = {word: why for why, words in _WORDS.items() for word in words}
_DIRECTIVES = {
    "pragma": "it changes what the compiler does or says",
    "embed": "it puts a file into the program",
    "include_next": "it includes by another rule",
    "import": "it takes another file in",
}
_INCLUDE = "what it includes, the exercise does not need"
_LITERALS = {
    "/proc": "it may look at other processes",
    "/sys": "it may look at the machine",
    "/dev/": "it may use a device",
    "IPC_LABS_": "by these variables the harness gives orders",
    "Main: PASS": "it says what a right program says",
}

# Headers that any program may include; ISO C++20, and POSIX.1-2008.
_STANDARD = frozenset(
    """
    algorithm any array atomic barrier bit bitset charconv chrono codecvt
    compare complex concepts condition_variable coroutine deque exception
    execution filesystem format forward_list fstream functional future
    initializer_list iomanip ios iosfwd iostream istream iterator latch limits
    list locale map memory memory_resource mutex new numbers numeric optional
    ostream queue random ranges ratio regex scoped_allocator semaphore set
    shared_mutex source_location span sstream stack stdexcept stop_token
    streambuf string string_view strstream syncstream system_error thread
    tuple type_traits typeindex typeinfo unordered_map unordered_set utility
    valarray variant vector version cassert cctype cerrno cfenv cfloat
    cinttypes climits clocale cmath csetjmp csignal cstdarg cstddef cstdint
    cstdio cstdlib cstring ctime cuchar cwchar cwctype assert.h complex.h
    ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h
    math.h setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h
    stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h tgmath.h
    threads.h time.h uchar.h wchar.h wctype.h aio.h arpa/inet.h cpio.h
    dirent.h fcntl.h fmtmsg.h fnmatch.h ftw.h glob.h grp.h iconv.h langinfo.h
    libgen.h monetary.h mqueue.h ndbm.h net/if.h netdb.h netinet/in.h
    netinet/tcp.h nl_types.h poll.h pthread.h pwd.h regex.h sched.h search.h
    semaphore.h spawn.h strings.h stropts.h sys/ipc.h sys/mman.h sys/msg.h
    sys/resource.h sys/select.h sys/sem.h sys/shm.h sys/socket.h sys/stat.h
    sys/statvfs.h sys/time.h sys/times.h sys/types.h sys/uio.h sys/un.h
    sys/utsname.h sys/wait.h syslog.h tar.h termios.h ulimit.h unistd.h
    utime.h utmpx.h wordexp.h
    """.split()
)
# A function that the explorer plays in every order.
_PLAYED = re.compile(r"^[^\n]*\(ipc::Schedule& \w+\) \{\n.*?^\}", re.M | re.S)
_NOT_PLAYED = "this line is gone: what is explored may be another thing"
_OURS = re.compile(r"(common|fmt)/[\w/]+\.h")
_SPLICE = re.compile(r"\\[ \t]*\r?\n")


class _Source:
    """A source as the compiler sees it, with the lines of what is in it.

    words: each token, but for literals.
    literals: strings; those that stand side by side are one.
    directives: ("include", the header), ("pragma", "") and so on.
    """

    def __init__(self, text: str) -> None:
        # A word may be split over lines. The compiler joins them.
        splices = [match.start() for match in _SPLICE.finditer(text)]
        joined = _SPLICE.sub("", text)
        # Where in the joined text a line more has gone by.
        gone = 0
        self._splices = []
        for place, match in zip(splices, _SPLICE.finditer(text)):
            self._splices.append(place - gone)
            gone += len(match[0])
        self.tokens = exercises.tokens(joined)
        self._lines = self._find_lines(joined)
        self.words: list[tuple[str, int]] = []
        self.literals: list[tuple[str, int]] = []
        self.directives: list[tuple[str, str, int]] = []
        self._sort()

    def _find_lines(self, text: str) -> list[int]:
        """Returns the line of each token.

        If a comment before a token holds the same text, its line is taken.
        """
        lines, place, line, splice = [], 0, 1, 0
        for token in self.tokens:
            found = text.index(token, place)
            line += text.count("\n", place, found)
            while (
                splice < len(self._splices) and self._splices[splice] <= found
            ):
                splice += 1
            lines.append(line + splice)
            line += token.count("\n")
            place = found + len(token)
        return lines

    def _sort(self) -> None:
        is_beside = False
        for number, (token, line) in enumerate(zip(self.tokens, self._lines)):
            is_literal = '"' in (token[0], token[-1]) and len(token) > 1
            if is_literal and is_beside:
                text, first = self.literals[-1]
                self.literals[-1] = (text[:-1] + token.partition('"')[2], first)
            elif is_literal:
                self.literals.append((token, line))
            else:
                self.words.append((token, line))
            is_beside = is_literal
            if token == "#" or self.tokens[number - 1 : number + 1] == [
                "%",
                ":",
            ]:
                self._add_directive(self.tokens[number + 1 : number + 40], line)

    def _add_directive(self, after: Sequence[str], line: int) -> None:
        what = after[0] if after else ""
        if what != "include":
            self.directives.append((what, "", line))
        elif after[1:2] == ["<"] and ">" in after:
            header = "".join(after[2 : after.index(">")])
            self.directives.append((what, header, line))
        else:
            self.directives.append((what, "".join(after[1:2]).strip('"'), line))

    @property
    def calls(self) -> list[tuple[str, int]]:
        """Calls with a number below zero: "kill(-1"."""
        return [
            (f"{token}(-{self.tokens[number + 3]}", self._lines[number])
            for number, token in enumerate(self.tokens[:-3])
            if token in ("kill", "killpg")
            and self.tokens[number + 1 : number + 3] == ["(", "-"]
        ]

    @property
    def main_takes(self) -> list[tuple[str, int]]:
        """The main() of a program that takes more than its arguments."""
        return [
            ("main()", self._lines[number])
            for number, token in enumerate(self.tokens)
            if token == "main"
            and self.tokens[number + 1 : number + 2] == ["("]
            and "," in self._after_comma(number + 2)
        ]

    def _after_comma(self, first: int) -> list[str]:
        """Returns what follows the first comma, before the bracket's end."""
        inside = self.tokens[first : first + 100]
        if ")" in inside:
            inside = inside[: inside.index(")")]
        return inside[inside.index(",") + 1 :] if "," in inside else []


@dataclasses.dataclass(frozen=True)
class _Known:
    """What is in the texts of an exercise itself."""

    words: frozenset[str]
    literals: frozenset[str]
    directives: frozenset[tuple[str, str]]
    calls: frozenset[str]
    copy: tuple[str, ...]
    played: tuple[str, ...]  # Lines that every exploration needs.


@functools.lru_cache(maxsize=512)
def _known(exercise: Exercise) -> _Known:
    texts = [exercise.copy(), exercise.solution()]
    texts += [exercise.planted(one.name) for one in exercise.wrong]
    if exercise.kind == BUILD:
        texts += [
            file.read_text(encoding="utf-8")
            for file in sorted((exercise.folder / "wrong").glob("*.cc"))
        ]
    sources = [_Source(text) for text in texts]
    return _Known(
        frozenset(word for one in sources for word, _ in one.words),
        frozenset(text for one in sources for text, _ in one.literals),
        frozenset((a, b) for one in sources for a, b, _ in one.directives),
        frozenset(call for one in sources for call, _ in one.calls),
        tuple(sources[0].tokens),
        tuple(_played(exercise)),
    )


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def _played(exercise: Exercise) -> Iterator[str]:
    """Yields what a mended program explores, and how it is declared.

    It is in the learner's file, and no learner needs to change it.
    """
    if exercise.kind != MEND:
        return
    copy, kept = exercise.copy(), {*_lines(exercise.solution())}
    played = "\n".join(_PLAYED.findall(copy))
    for line in _lines(played):
        if line in kept and len(line) > 1 and not line.startswith("//"):
            yield line
    for line in _lines(copy):
        if line in kept and ".explores(" in line:
            yield line


def suspicious(exercise: Exercise, source: str) -> list[str]:
    """Returns what a person should look at, a line each; at most a few.

    Each line says where it is, what it is, and why it is named.
    """
    known = _known(exercise)
    own = _Source(source[:MOST_LOOKED_AT])
    found = sorted({*_strange(own, known)})
    lines = []
    seen: set[str] = set()
    for line, what, why in found:
        if what in seen:
            continue
        seen.add(what)
        lines.append(f"line {line}: {what}: {why}")
    left = {*_lines(source)}
    for text in dict.fromkeys(known.played):
        if text not in left:
            lines.insert(0, f"{_shown(text)}: {_NOT_PLAYED}")
    if exercise.kind != BUILD:
        share = _share(known.copy, own.tokens)
        if share < LEAST_SHARED:
            lines.insert(
                0,
                "it shares little with the file as handed out"
                f" ({share:.0%}): it may be another program",
            )
    if len(source) > MOST_LOOKED_AT:
        lines.insert(
            0,
            f"it has {len(source):,} characters: only the first"
            f" {MOST_LOOKED_AT:,} are looked at",
        )
    if len(lines) > MOST_LINES:
        more = len(lines) - MOST_LINES + 1
        lines[MOST_LINES - 1 :] = [f"and {more} more like these"]
    return lines


def _strange(own: _Source, known: _Known) -> Iterator[tuple[int, str, str]]:
    """Yields (line, what, why)."""
    for word, line in own.words:
        why = _WHY.get(word)
        if why and word not in known.words:
            yield line, word, why
    for what, header, line in own.directives:
        if (what, header) in known.directives:
            continue
        if what == "include":
            if header not in _STANDARD and not _OURS.fullmatch(header):
                yield line, f"#include {_shown(header)}", _INCLUDE
        elif what in _DIRECTIVES:
            yield line, f"#{what}", _DIRECTIVES[what]
    for text, line in own.literals:
        if text in known.literals:
            continue
        for mark, why in _LITERALS.items():
            if mark in text:
                yield line, _shown(text), why
    for what, line in own.main_takes:
        yield line, what, "its third parameter is the environment"
    for call, line in own.calls:
        if call not in known.calls:
            yield line, call, "it may send a signal to all processes"


def _shown(text: str) -> str:
    return shown(text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "...")


def _share(given: Sequence[str], own: Sequence[str]) -> float:
    """Returns how much of one text is left in another, in order.

    Compared are runs of three tokens: single ones, such as braces, are in any
    program. The length of the longest common subsequence is found by
    Hyyro's bit-parallel method (2004), which takes time in proportion to the
    length of each text: difflib's time grows with their cube, and a hostile
    text would use that.
    """
    runs = list(zip(given, given[1:], given[2:]))
    if not runs:
        return 1.0
    places: dict[tuple[str, str, str], int] = {}
    for place, run in enumerate(runs):
        places[run] = places.get(run, 0) | 1 << place
    full = (1 << len(runs)) - 1
    state = full
    for run in zip(own, own[1:], own[2:]):
        hit = state & places.get(run, 0)
        state = ((state + hit) | (state - hit)) & full
    return (len(runs) - state.bit_count()) / len(runs)
