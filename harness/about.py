"""What each lab says about itself: labs/<lab>/about.toml, read and checked.

    objectives = ["Explain why ..."]  # 2 to 4: what one can do afterwards,
                             # each met by an exercise or an item of Try
    after = ["pipes"]        # the labs whose ideas it needs; not those that
                             # another lab of the list needs already
    teaches = ["framing"]    # the concepts that it is the first to teach
    needs = ["message"]      # those that it uses and an earlier lab teaches
    reading_min = 15         # minutes for the chapter and the source
    doing_min = 40           # minutes for running it, its Try and its exercises
    mistakes = ["no_end"]    # 2 to 4: the wrong variants that are most common
    calls = ["fork(2)"]      # the key calls, as man pages name them

    [[table]]                # 2 to 5 rows: one thing, in three places
    python = "multiprocessing.Process(target=f)"  # "-" if it has none
    cpp = "ipc::Process"     # what begins with ipc:: is in common/
    system = "fork(2)"

    [teaching]
    ask = "..."              # a question to the class, before the lab is run
    wrong = "..."            # what most answer, and why that is wrong
    show = "`command`: ..."  # how to show it, and what to point at

What belongs to no single lab, as modules and plans do, is in docs/teaching.md.
"""

import dataclasses
import importlib
import pathlib
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

# What docs/start.md teaches, before the first lab.
PRIMER = frozenset({"explorer", "point", "schedule"})

# How an objective begins: with what one can be seen to do.
VERBS = frozenset(
    "Add Ask Bound Choose Compare Connect Decide Divide Explain Find Give"
    " Handle Join Keep Make Measure Move Name Pass Place Predict Prove Put"
    " React Read Reap Recognize Register Remove Repair Replace Say Send Set"
    " Share Show Start Take Tell Turn Unlink Use Write".split()
)

_MINUTES = 5  # No estimate is finer than that.
_COLUMNS = 88  # The width of a chapter.


class Malformed(ValueError):
    """A file is not as it should be; says which, and how."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing in Python, in this library, and below it."""

    python: str
    cpp: str
    system: str


@dataclasses.dataclass(frozen=True)
class Teaching:
    """A question to a class, its usual answer, and what shows the right one."""

    ask: str
    wrong: str
    show: str

    @property
    def command(self) -> str:
        """The command that `show` begins with, or "" if it does not."""
        match = re.match(r"`([^`]+)`: ", self.show)
        return match[1] if match else ""


@dataclasses.dataclass(frozen=True)
class About:
    """What a lab says about itself."""

    lab: str
    objectives: tuple[str, ...]
    after: tuple[str, ...]
    teaches: tuple[str, ...]
    needs: tuple[str, ...]
    reading_min: int
    doing_min: int
    mistakes: tuple[str, ...]
    calls: tuple[str, ...]
    table: tuple[Row, ...]
    teaching: Teaching

    @property
    def minutes(self) -> int:
        """All that the lab takes."""
        return self.reading_min + self.doing_min


_LISTS = ("objectives", "after", "teaches", "needs", "mistakes", "calls")
_NUMBERS = ("reading_min", "doing_min")


def _has_keys(place: str, values: Mapping[str, Any], kind: type) -> None:
    wanted = [field.name for field in dataclasses.fields(kind)]
    if kind is About:
        wanted.remove("lab")
    for key in values:
        if key not in wanted:
            raise Malformed(f"{place}: unknown key {key}")
    for key in wanted:
        if key not in values:
            raise Malformed(f"{place}: there is no {key}")


def _texts(place: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise Malformed(f"{place}: not a list")
    return tuple(_text(place, value) for value in values)


def _text(place: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed(f"{place}: not a text, or empty")
    return value


def parse(lab: str, text: str) -> About:
    """Reads what a lab says about itself; raises Malformed."""
    place = f"{lab}/about.toml"
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"{place}: {error}") from error
    _has_keys(place, values, About)
    for key in _NUMBERS:
        if not isinstance(values[key], int):
            raise Malformed(f"{place}: {key}: not a number")
    for key, kind in (("table", list), ("teaching", dict)):
        if not isinstance(values[key], kind):
            raise Malformed(f"{place}: {key}: not a table")
    for row in values["table"]:
        _has_keys(f"{place}: table", row, Row)
    _has_keys(f"{place}: teaching", values["teaching"], Teaching)
    return About(
        lab=lab,
        table=tuple(
            Row(**{k: _text(f"{place}: {k}", v) for k, v in row.items()})
            for row in values["table"]
        ),
        teaching=Teaching(
            **{
                k: _text(f"{place}: {k}", v)
                for k, v in values["teaching"].items()
            }
        ),
        reading_min=values["reading_min"],
        doing_min=values["doing_min"],
        **{key: _texts(f"{place}: {key}", values[key]) for key in _LISTS},
    )


def read(root: pathlib.Path, labs: Sequence[str]) -> list[About]:
    """Reads the files of the labs, in the order of the syllabus."""
    found = []
    for lab in labs:
        file = root / "labs" / lab / "about.toml"
        if not file.is_file():
            raise Malformed(f"{lab}: there is no about.toml")
        found.append(parse(lab, file.read_text(encoding="utf-8")))
    return found


def before(lab: str, abouts: Mapping[str, About]) -> set[str]:
    """Returns all that come before a lab: what it needs, and what those do."""
    found: set[str] = set()
    left = [lab]
    while left:
        for name in abouts[left.pop()].after:
            if name in abouts and name not in found:
                found.add(name)
                left.append(name)
    return found


# What is wrong with the files. Each problem begins with the lab.


def form_problems(about: About) -> Iterator[str]:
    """Yields what is wrong with one file by itself."""
    for name, few, many, values in (
        ("objectives", 2, 4, about.objectives),
        ("mistakes", 2, 4, about.mistakes),
        ("rows of the table", 2, 5, about.table),
        ("calls", 1, 9, about.calls),
    ):
        if not few <= len(values) <= many:
            yield f"{about.lab}: {len(values)} {name}, not {few} to {many}"
    for objective in about.objectives:
        if objective.split()[0] not in VERBS:
            yield f"{about.lab}: does not begin with a verb: {objective}"
        if objective.endswith("."):
            yield f"{about.lab}: ends with a full stop: {objective}"
    for key in _NUMBERS:
        minutes = getattr(about, key)
        if minutes <= 0 or minutes % _MINUTES:
            what = f"not a multiple of {_MINUTES}"
            yield f"{about.lab}: {key} is {minutes}, {what}"
    for term in (*about.teaches, *about.needs):
        if term != term.lower():
            yield f"{about.lab}: not in lower case: {term}"
    for call in about.calls:
        if not re.fullmatch(r"\w+\(\d\)", call):
            yield f"{about.lab}: not the name of a man page: {call}"


def order_problems(abouts: Sequence[About]) -> Iterator[str]:
    """Yields where the order of the labs is not that of their ideas."""
    by_name = {about.lab: about for about in abouts}
    seen: list[str] = []
    teacher: dict[str, str] = dict.fromkeys(PRIMER, "docs/start.md")
    for about in abouts:
        known = before(about.lab, by_name)
        for name in about.after:
            if name not in seen:
                yield f"{about.lab}: {name} does not come before it"
            for other in about.after:
                if other in seen and name in before(other, by_name):
                    yield f"{about.lab}: {other} comes after {name} already"
        for term in about.needs:
            if term in PRIMER:
                continue
            if term not in teacher:
                yield f"{about.lab}: no lab before it teaches {term}"
            elif teacher[term] not in known:
                who = f"{teacher[term]}, which is not among those before it"
                yield f"{about.lab}: {term} is taught by {who}"
        for term in about.teaches:
            if term in teacher:
                yield f"{about.lab}: {teacher[term]} teaches {term} already"
            teacher.setdefault(term, about.lab)
        seen.append(about.lab)


def variants(root: pathlib.Path, lab: str) -> set[str]:
    """Returns the names of the wrong variants of a lab."""
    return {file.stem for file in (root / "labs" / lab).glob("wrong/*.cc")}


def target_problems(about: About, root: pathlib.Path) -> Iterator[str]:
    """Yields the variants and labs that are named and do not exist."""
    for name in about.mistakes:
        if name not in variants(root, about.lab):
            yield f"{about.lab}: there is no wrong/{name}.cc"
    teaching = about.teaching
    if not teaching.command.startswith("./bazelw run "):
        yield f"{about.lab}: does not begin with a command: {teaching.show}"
    for lab, variant in re.findall(
        r"(\w+):wrong_(\w+)", " ".join(dataclasses.astuple(teaching))
    ):
        if variant not in variants(root, lab):
            yield f"{about.lab}: there is no {lab}:wrong_{variant}"
    for lab in re.findall(
        r"//labs[:/](\w+)", " ".join(dataclasses.astuple(teaching))
    ):
        if not (root / "labs" / lab / "main.cc").is_file():
            yield f"{about.lab}: there is no lab {lab}"


def words_of(root: pathlib.Path) -> frozenset[str]:
    """Returns all words of the headers of common."""
    return frozenset(
        word
        for file in (root / "common").glob("*/*.h")
        for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))
    )


# The modules that the tables name; `conn` and its like are variables.
_MODULES = (
    *("asyncio", "concurrent", "fcntl", "json", "mmap", "multiprocessing"),
    *("os", "pickle", "queue", "random", "resource", "select", "selectors"),
    *("signal", "socket", "struct", "subprocess", "threading", "time"),
    *("timeit", "urllib", "zlib"),
)


def _is_python(name: str) -> bool:
    """Whether Python has it, such as os.fork or a class in a module."""
    module, *rest = name.split(".")
    found: object = importlib.import_module(module)
    for word in rest:
        module += f".{word}"
        if not hasattr(found, word):
            try:
                found = importlib.import_module(module)
            except ImportError:
                return False
        else:
            found = getattr(found, word)
    return True


def name_problems(about: About, words: Set[str]) -> Iterator[str]:
    """Yields names in the table that neither Python nor common has."""
    for row in about.table:
        for name in re.findall(
            rf"(?<![\w.])(?:{'|'.join(_MODULES)})(?:\.\w+)+", row.python
        ):
            if not _is_python(name):
                yield f"{about.lab}: Python has no {name}"
        for name in re.findall(r"\bipc(?:::\w+)+", row.cpp):
            for word in name.split("::")[1:]:
                if word not in words:
                    yield f"{about.lab}: common has no {word} of {name}"


def problems(abouts: Sequence[About], root: pathlib.Path) -> list[str]:
    """Returns all that is wrong with what the labs say about themselves."""
    words = words_of(root)
    found = [*order_problems(abouts)]
    for about in abouts:
        found += form_problems(about)
        found += target_problems(about, root)
        found += name_problems(about, words)
    return found


def head(about: About) -> str:
    """Returns what a chapter says of its lab, between title and question."""
    lines = ["After this lab you can", ""]
    for objective in about.objectives:
        text = objective[0].lower() + objective[1:]
        lines += textwrap.wrap(
            f"- {text}",
            _COLUMNS,
            subsequent_indent="  ",
            break_on_hyphens=False,
            break_long_words=False,
        )
    names = [f"[{lab}](../{lab}/README.md)" for lab in about.after]
    earlier = ", ".join(names) or "[Start here](../../docs/start.md)"
    lines += [
        "",
        f"*Before it: {earlier}. Minutes: {about.reading_min} to read,"
        f" {about.doing_min} to do.*",
        "",
        "<details>",
        "<summary>In Python, in this library, and below it</summary>",
        "",
        "| Python | C++ | Linux |",
        "|---|---|---|",
    ]
    for row in about.table:
        cells = [_code(row.python), _code(row.cpp), row.system]
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    return "\n".join([*lines, "", "</details>"])


def _code(text: str) -> str:
    """Returns a cell of a table; "-" is an empty one."""
    return "" if text == "-" else f"`{text}`".replace("|", "\\|")


def with_head(page: str, about: About) -> str:
    """Returns a chapter with the head that it should have.

    Raises:
      Malformed: it has no title, or no question.
    """
    match = re.match(r"(# .*\n)(?s:.*?)\n(?=## Question\n)", page)
    if not match:
        raise Malformed(f"labs/{about.lab}/README.md has no title or question")
    return f"{match[1]}\n{head(about)}\n\n{page[match.end():]}"


def describe_minutes(minutes: int) -> str:
    """Returns "1 h 25 min", "3 h" or "50 min"."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} h"] if hours else []
    return " ".join(parts + ([f"{rest} min"] if rest or not hours else []))
