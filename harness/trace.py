"""Compares what strace(1) sees with the excerpt that a chapter shows of it.

An excerpt holds some of the calls of some of the processes. Lines with the same
label, `[pid 4711]` or `[Reader]`, are calls of one process, in this order, with
others between them; so are those without a label. `...` stands for anything,
`<fd>` for any word, and an address, a descriptor or the number of a label for
any other: the same one wherever it is shown again. A call during which another
process makes one may be shown in two halves. A comment is `# ...` at the end of
a line, after two spaces.
"""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence

# A process as strace names it in a file, and as an excerpt does.
_TRACED = re.compile(r"(\d+) +(.*)")
_SHOWN = re.compile(r"\[(?:pid +)?([^\[\]{},]+)\] +(.*)")
_COMMENT = re.compile(r" {2,}# .*")
_SAID = re.compile(r"[A-Z][\w ]*: ")
_FIRST_HALF = re.compile(r"(.*) <unfinished \.\.\.>")
_SECOND_HALF = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_OPEN = re.compile(r"\.\.\.|<\w+>|\b0x[0-9a-f]{6,}\b|\b\d+\b")

# What is before the number of a descriptor.
_BEFORE_FD = re.compile(
    r"\w+\(|.*(?:\bfd=|P_PIDFD, )"
    r"|(?:accept4|inotify_init1|openat|socket)\(.*\) = "
)

_Calls = list[tuple[str, str]]  # Each with the process that makes it.


def why_not() -> str:
    """Returns why no chapter's excerpts can be compared here, or ""."""
    if platform.machine() != "x86_64":
        return "the calls that chapters show are those of x86-64"
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, check=False
    )
    return "" if tried.returncode == 0 else "strace may not trace here"


def missing(
    shown: Sequence[str], traced: Sequence[str], said: Sequence[str]
) -> list[str]:
    """Returns the lines of an excerpt that are not in the trace: the first.

    `traced` is what strace wrote to its file, `said` what was printed.
    """
    calls: list[re.Match[str] | None] = []
    for line in (_COMMENT.sub("", line).strip() for line in shown):
        if _SAID.match(line):
            if line not in said:
                return [line]
        elif line and line != "...":
            calls.append(_SHOWN.fullmatch(line) or re.fullmatch("()(.*)", line))
    wanted = _joined(calls)
    traces = _joined(_TRACED.fullmatch(line) for line in traced)
    furthest = _Search(wanted, traces).furthest(0, {}, {})
    return [call for _, call in wanted[furthest : furthest + 1]]


def _joined(lines: Iterable[re.Match[str] | None]) -> _Calls:
    """Returns whole calls: two halves are one, at the place of the first."""
    calls: _Calls = []
    begun: dict[str, int] = {}  # By process.
    for line in filter(None, lines):
        pid, text = line.groups()
        first, second = _FIRST_HALF.fullmatch(text), _SECOND_HALF.fullmatch(
            text
        )
        if first:
            begun[pid], text = len(calls), first[1]
        elif second and pid in begun:
            place = begun.pop(pid)
            calls[place] = (pid, _plain(calls[place][1] + second[2]))
            continue
        elif second:  # The excerpt leaves its first half out.
            text = f"{second[1]}(...{second[2]}"
        calls.append((pid, _plain(text)))
    return calls


def _plain(call: str) -> str:
    """Puts one space where strace puts several, or, between halves, none."""
    return re.sub(r", *", ", ", re.sub(r"\) +(= |\()", r") \1", call))


class _Search:
    """Looks for the calls of an excerpt among those of a trace."""

    def __init__(self, wanted: _Calls, traced: _Calls) -> None:
        self._wanted = wanted
        self._labels = {label for label, _ in wanted}
        self._found: dict[str, list[str]] = {}
        for pid, call in traced:
            self._found.setdefault(pid, []).append(call)

    def furthest(
        self, number: int, bound: Mapping[str, str], seen: Mapping[str, int]
    ) -> int:
        """Returns the number of the first call that cannot be found.

        number: of the first call that is to be found.
        bound: what stands for what: labels for processes, and so on.
        seen: how many calls of each process lie before the next.
        """
        if number == len(self._wanted):
            return number
        label, text = self._wanted[number]
        best = number
        for pid in self._processes(label, bound):
            now = {**bound, label: pid}
            expression, names = self._expression(label, text, now)
            tried = set()
            for place in range(seen.get(pid, 0), len(self._found[pid])):
                match = expression.fullmatch(self._found[pid][place])
                # The first will do, if it leaves as much open to the others.
                if not match or match.groups() in tried:
                    continue
                tried.add(match.groups())
                now.update(zip(names, match.groups()))
                after = {**seen, pid: place + 1}
                best = max(best, self.furthest(number + 1, now, after))
                if best == len(self._wanted):
                    return best
        return best

    def _processes(self, label: str, bound: Mapping[str, str]) -> list[str]:
        """Returns what the label may be: it, or one that has no label yet."""
        if label in bound:
            return [bound[label]] if bound[label] in self._found else []
        taken = {bound.get(other) for other in self._labels}
        return [pid for pid in self._found if pid not in taken]

    def _expression(
        self, label: str, text: str, bound: Mapping[str, str]
    ) -> tuple[re.Pattern[str], list[str]]:
        """Makes an expression of a call; its groups are what is unbound."""
        parts, names, end = [], list[str](), 0
        for match in _OPEN.finditer(text):
            name = match[0]
            if name.isdigit() and name not in self._labels:
                if not _BEFORE_FD.fullmatch(text[: match.start()]):
                    continue
                name = f"{name} of {label}"
            parts.append(re.escape(text[end : match.start()]))
            end = match.end()
            if name == "...":
                parts.append(".*")
            elif name in bound:
                parts.append(re.escape(bound[name]))
            elif name in names:
                parts.append(rf"\{names.index(name) + 1}")
            else:
                names.append(name)
                parts.append(r"(\w+)")
        return re.compile("".join(parts) + re.escape(text[end:])), names
