"""The exercises of a lab: what a learner gets, mends or writes.

They stand in labs/<lab>/exercises.toml:

    [mend.unclosed_end]     # for each wrong variant: the learner mends a copy
    task = "..."            # what the program is to do
    hide = ["..."]          # comments that give it away: not in the copy
    fix = [{old = "...", new = "..."}]   # the solution, an edit of the copy
    keep = ["..."]          # what must stay: without it nothing would be wrong
    right = ["2"]           # what explorations of it may find, if it has any
    says = ["..."]          # lines, or patterns, that a right one says; of a
                            # program that is not explored
    [[mend.unclosed_end.wrong]]     # false cures: edits of the copy; see below
    [[mend.unclosed_end.hints]]
    failed = "hang"         # searched for in "<kind>: <text>" of the verdict
    where = "..."           # and in the name of the check; "" fits always
    what = "..."
    how = "..."

    [write.receive]         # the learner writes the bodies of functions
    task = "..."
    file = "main.cc"        # that is so unless given
    cut = ["receive_messages"]
    todo = "..."            # what stands in the first body instead
    stub = "return {};"     # so that it compiles
    failed = "hang"         # what is found of it as it is handed out
    [[write.receive.wrong]] # as students get it wrong: edits of the source
    name = "no_end"
    old = "..."
    new = "..."
    failed = "..."
    hint = "..."            # what is found in the hint for it; may be left out
    [[write.receive.hints]]

    [predict.increments]    # a scenario, or a wrong variant, that is explored
    means = "..."           # what an outcome tells, where that is not plain
    misses = ["..."]        # what might seem to come out

A project (projects/<name>/exercises.toml) has [build.<name>], with a task and
hints; its source is skeleton.cc, and its solution solution.cc.
"""

import dataclasses
import pathlib
import re
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

FILE = "exercises.toml"
MEND, WRITE, BUILD = "mend", "write", "build"
_PREDICT = "predict"
RUNGS = ("where", "what", "how")
# How the verdict begins on a copy that has lost what must stay.
_KEPT = "this must stay as it was handed out:"
# What is told of failures that are alike in all exercises, by "<kind>: <text>".
_ADVICE = {
    r"\Abuild:": (
        "It does not compile. Begin with the first error; what the others say"
        " often follows from it."
    ),
    rf"\Aoutput: {_KEPT}": (
        "Put that back. The program shows its mistake by it: without it"
        " nothing would go wrong, and the mistake would still be there."
    ),
    # What expect.py says of a run that did too much of something.
    r"(?m)\A\w+: it .*, so it was ended$": (
        "It was stopped because it would not have ended by itself. Look at each"
        " loop, and at each place that starts a process: what makes it stop,"
        " and can that fail to happen?"
    ),
}

_COLUMNS = 79
_LITERALS = r"R\"(\w*)\(.*?\)\1\"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
_TOKENS = re.compile(rf"{_LITERALS}|//[^\n]*|/\*.*?\*/|\w+|\S", re.S)


class Wrong(Exception):
    """The exercises are not as they must be; says where and why."""


@dataclasses.dataclass(frozen=True)
class Edit:
    """A replacement of a text that occurs once."""

    old: str
    new: str


@dataclasses.dataclass(frozen=True)
class Hint:
    """Three rungs of help for a learner who has failed like this."""

    failed: str
    where: str
    what: str
    how: str

    @property
    def rungs(self) -> tuple[str, ...]:
        """What the learner is told, one after the other."""
        return tuple(getattr(self, rung).strip() for rung in RUNGS)


@dataclasses.dataclass(frozen=True)
class Planted:
    """A solution as students get it wrong."""

    name: str
    edit: Edit
    failed: str
    hint: str


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a question about an exploration says besides what is explored."""

    means: str = ""
    misses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One exercise; fields that its kind does not have are empty.

    folder: of its lab, with the sources.
    """

    kind: str
    lab: str
    name: str
    folder: pathlib.Path
    task: str
    hints: tuple[Hint, ...]
    hide: tuple[str, ...] = ()
    fix: tuple[Edit, ...] = ()
    keep: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    file: str = ""
    cut: tuple[str, ...] = ()
    todo: str = ""
    stub: str = ""
    failed: str = ""
    wrong: tuple[Planted, ...] = ()

    @property
    def shelf(self) -> str:
        """Where it is listed, and where a learner's file of it lies."""
        return "projects" if self.kind == BUILD else self.lab

    @property
    def title(self) -> str:
        """Its name on the command line: "pipes/unclosed_end"."""
        return f"{self.shelf}/{self.name}"

    @property
    def source(self) -> str:
        """The file that the copy is made of, in the folder."""
        if self.kind == MEND:
            return f"wrong/{self.name}.cc"
        return self.file

    def copy(self) -> str:
        """Returns what is handed out."""
        text = _read(self.folder / self.source)
        if self.kind == MEND:
            text = _without_head(text)
            for hidden in self.hide:
                text = self._edited(text, Edit(hidden, ""))
            told = "One thing in here is wrong. Find it and mend it."
        elif self.kind == WRITE:
            for number, function in enumerate(self.cut):
                text = self._without_body(text, function, number == 0)
            told = "The TODO below says what is to be written."
        else:
            told = "Everything below is yours."
        return self._head(told) + text

    def solution(self) -> str:
        """Returns a right program."""
        if self.kind == MEND:
            text = self.copy()
            for edit in self.fix:
                text = self._edited(text, edit)
            return text
        name = self.file if self.kind == WRITE else "solution.cc"
        return _read(self.folder / name)

    def planted(self, name: str) -> str:
        """Returns a wrong solution."""
        text = self.copy() if self.kind == MEND else self.solution()
        for one in self.wrong:
            if one.name == name:
                return self._edited(text, one.edit)
        raise Wrong(f"{self._place}: there is no wrong solution {name!r}")

    def altered(self, source: str) -> str:
        """Returns what is no longer in a copy as it was handed out, or ""."""
        own, given = tokens(source), tokens(self.copy())
        for text in self.keep:
            wanted = tokens(text)
            before, count = _count(given, wanted), _count(own, wanted)
            if count != before:
                times = "once" if before == 1 else f"{before} times"
                return (
                    f"{_KEPT} {text.strip()}\n"
                    f"It stands there {count} times, not {times}."
                )
        return ""

    def hint(self, check: str, verdict: str) -> Hint:
        """Returns the one that fits a failed check and its verdict."""
        for hint in self.hints:
            if any(re.search(hint.failed, text) for text in (verdict, check)):
                return hint
        raise Wrong(f"{self._place}: no hint fits {verdict[:60]!r}")

    def advice(self, check: str, verdict: str) -> tuple[str, ...]:
        """Returns what a learner is told of a failure, one after the other."""
        for pattern, text in _ADVICE.items():
            if re.search(pattern, verdict):
                return (text,)
        return self.hint(check, verdict).rungs

    def problems(self) -> list[str]:
        """Returns what is wrong with the exercise itself."""
        found = []
        if not self.hints or self.hints[-1].failed:
            found.append('the last hint must fit always: failed = ""')
        for hint in self.hints:
            if len({*hint.rungs, ""}) <= len(RUNGS):
                found.append(
                    f"the rungs of hint {hint.failed!r} must be three texts"
                )
        if not self.task.strip():
            found.append("there is no task")
        if self.kind == MEND:
            found += self._mend_problems()
        return [f"{self._place}: {problem}" for problem in found]

    def _mend_problems(self) -> list[str]:
        found = []
        if tokens(self.copy()) != tokens(_read(self.folder / self.source)):
            found.append("the copy differs by more than comments")
        if tokens(self.copy()) == tokens(self.solution()):
            found.append("the solution changes nothing")
        if text := self.altered(self.solution()):
            found.append(f"the solution is refused: {text}")
        for text in self.keep:
            if not _count(tokens(self.copy()), tokens(text)):
                found.append(f"the copy does not have {text!r}")
        return found

    @property
    def _place(self) -> str:
        return f"{self.folder.name}/{FILE}: {self.kind}.{self.name}"

    def _edited(self, text: str, edit: Edit) -> str:
        count = text.count(edit.old)
        if count != 1 or not edit.old:
            raise Wrong(
                f"{self._place}: this must occur once, not {count} times, in"
                f" {self.source}:\n{edit.old}"
            )
        return text.replace(edit.old, edit.new)

    def _head(self, told: str) -> str:
        lines = textwrap.wrap(self.task, _COLUMNS - 3)
        command = "./bazelw run //harness:learn -- check"
        lines += ["", told, f"To check it: {command} {self.title}"]
        return "".join(f"// {line}".rstrip() + "\n" for line in lines) + "\n"

    def _without_body(self, text: str, function: str, is_first: bool) -> str:
        """Puts what is to be done in place of the body of a function."""
        lines = text.splitlines(keepends=True)
        found = _bodies(lines, function)
        if len(found) != 1:
            raise Wrong(
                f"{self._place}: {self.source} must define {function} once,"
                f" not {len(found)} times"
            )
        first, end = found[0]
        closing = lines[end]
        indent = closing[: len(closing) - len(closing.lstrip())] + "  "
        body = []
        if is_first:
            width = _COLUMNS - len(indent) - 3
            told = "TODO: " + self.todo.strip()
            for paragraph in told.splitlines():
                body += textwrap.wrap(paragraph, width) or [""]
        else:
            body.append("TODO: this is a part of it, too.")
        stubs = [line.rstrip() for line in self.stub.strip().splitlines()]
        text = "".join(f"{indent}// {line}".rstrip() + "\n" for line in body)
        text += "".join(f"{indent}{line}\n" for line in stubs if line)
        return "".join([*lines[:first], text, *lines[end:]])


def tokens(source: str) -> list[str]:
    """Returns what a compiler sees of C++: all but comments and spaces."""
    found = (match[0] for match in _TOKENS.finditer(source))
    return [token for token in found if not token.startswith(("//", "/*"))]


def _count(where: Sequence[str], what: Sequence[str]) -> int:
    """Returns how often one sequence occurs in another."""
    size = len(what)
    return sum(
        where[place : place + size] == what
        for place in range(len(where) - size + 1)
    )


def _bodies(lines: Sequence[str], function: str) -> list[tuple[int, int]]:
    """Returns (first line, line of the closing brace) of each definition."""
    found = []
    start = re.compile(rf"( *)(?![ #/}}])[^=;(]*\b{re.escape(function)}\(")
    for number, line in enumerate(lines):
        if not (begin := start.match(line)) or begin[0].strip() == "return":
            continue
        last = number
        while last < len(lines) and not re.search(
            r"[;{}]\s*$", _code(lines[last])
        ):
            last += 1
        if last == len(lines) or not _code(lines[last]).rstrip().endswith("{"):
            continue
        closing = re.compile(rf"{begin[1]}}}")
        for end in range(last + 1, len(lines)):
            if closing.match(lines[end]):
                found.append((last + 1, end))
                break
    return found


def _code(line: str) -> str:
    return re.sub(r"//.*", "", line)


def _without_head(text: str) -> str:
    """Returns a program without the comment that it begins with."""
    lines = text.splitlines(keepends=True)
    while lines and (lines[0].startswith("//") or not lines[0].strip()):
        del lines[0]
    return "".join(lines)


def _read(file: pathlib.Path) -> str:
    return file.read_text(encoding="utf-8")


def load(folder: pathlib.Path) -> list[Exercise]:
    """Reads the exercises of a lab or project; none if it has no file.

    Raises:
      Wrong: the file is not as it must be.
    """
    file = folder / FILE
    if not file.is_file():
        return []
    try:
        tables = tomllib.loads(_read(file))
        tables.pop(_PREDICT, None)
        return [
            _exercise(folder, kind, name, table)
            for kind in (WRITE, MEND, BUILD)
            for name, table in tables.pop(kind, {}).items()
        ] + _refuse(tables)
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise Wrong(f"{folder.name}/{FILE}: {error}") from None


def asked(folder: pathlib.Path) -> dict[str, Asked]:
    """Reads what questions about a lab say, by scenario or wrong variant.

    Raises:
      Wrong: the file is not as it must be.
    """
    file = folder / FILE
    if not file.is_file():
        return {}
    try:
        tables = tomllib.loads(_read(file)).get(_PREDICT, {})
        found = {}
        for name, table in tables.items():
            fields: dict[str, Any] = dict(table)
            fields["misses"] = tuple(fields.pop("misses", []))
            found[name] = Asked(**fields)
        return found
    except (tomllib.TOMLDecodeError, TypeError, AttributeError) as error:
        raise Wrong(f"{folder.name}/{FILE}: {error}") from None


def _refuse(tables: Mapping[str, Any]) -> list[Exercise]:
    for name in tables:
        raise TypeError(f"there is no kind {name!r} of exercise")
    return []


def _exercise(
    folder: pathlib.Path, kind: str, name: str, table: Mapping[str, Any]
) -> Exercise:
    fields = dict(table)
    try:
        fields["hints"] = tuple(Hint(**one) for one in fields.pop("hints", []))
        fields["fix"] = tuple(Edit(**one) for one in fields.pop("fix", []))
        fields["wrong"] = tuple(
            Planted(
                one["name"],
                Edit(one["old"], one["new"]),
                one["failed"],
                one.get("hint", ""),
            )
            for one in fields.pop("wrong", [])
        )
        for field in ("hide", "keep", "right", "says", "cut"):
            fields[field] = tuple(fields.pop(field, []))
        default = {WRITE: "main.cc", BUILD: "skeleton.cc"}.get(kind, "")
        fields.setdefault("file", default)
        return Exercise(
            kind=kind, lab=folder.name, name=name, folder=folder, **fields
        )
    except (TypeError, KeyError) as error:
        raise TypeError(f"{kind}.{name}: {error}") from None


def find(folder: pathlib.Path, kind: str, name: str) -> Exercise:
    """Returns one exercise of a folder."""
    for exercise in load(folder):
        if (exercise.kind, exercise.name) == (kind, name):
            return exercise
    raise Wrong(f"{folder.name}/{FILE}: there is no {kind}.{name}")
