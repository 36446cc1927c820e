"""Checks that every fenced block of a document is compared with something.

Beside those of chapter.py and trace.py a document may have

    ```sh                commands: their programs, targets and flags exist
    ```text measured     lines that a run prints with other numbers; the last
                         ones if others are between them
    ```text hang lost    what the harness says of the hang of wrong_lost
    ```text printed      lines that only some runs print: each is made by a
                         string of the lab's sources
    ```text layout       paths of the tree
    ```text drawing      what no program prints: made by hand
    ```diff, md, python  what a test of its own looks at
"""

import pathlib
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from harness import chapter

MEASURED, HANG, PRINTED, LAYOUT = "measured", "hang", "printed", "layout"
_TEXTS = (MEASURED, HANG, PRINTED, LAYOUT, "drawing")
_KINDS = (
    *("console", "console unordered", "strace", "shell", "shell unordered"),
    *("sh", "cpp", "python", "diff", "md"),
    *(f"text {kind}" for kind in _TEXTS),
)
# How a line begins that a process says.
_SAYS = re.compile(r"[A-Z][\w ]*: ")

# Programs that come from elsewhere.
_TOOLS = frozenset(
    "cat cd cp g++ gdb git grep head ls perf ps strace sudo".split()
)
_COMMENT = re.compile(r"(?:^|\s)#.*")


def kind_problems(text: chapter.Chapter) -> list[str]:
    """Each block says what it is, so that something compares it."""
    problems = []
    for fence in text.fences:
        place = f"{text.place}:{fence.line}"
        named = fence.info[:1] in (("cpp",), ("python",))  # With their source.
        kind = " ".join(fence.info[: 1 if named else 2])
        if kind not in _KINDS:
            problems.append(
                f"{place}: what compares ```{' '.join(fence.info)}? "
                f"There are {', '.join(_KINDS)}"
            )
        if kind == "text drawing" and any(map(_SAYS.match, fence.body)):
            problems.append(f"{place}: that is no drawing: a process says it")
    return problems


def texts(text: chapter.Chapter, kind: str) -> list[chapter.Fence]:
    """Returns the blocks `text <kind>`."""
    return [x for x in text.fences if x.info[:2] == ("text", kind)]


# Lines with other numbers.


def shape(line: str) -> str:
    """Returns what remains the same of a line when it is measured again."""
    line = re.sub(r"#+ *", "#", line.strip())
    if " waits " in line or " wait for " in line:  # Of a hang only the inodes.
        return re.sub(r":\[\d+\]", ":[0]", line)
    line = re.sub(r"\d[\d.,]*\b", "0", line)
    return re.sub(r"\b0 (?:ns|us|ms|s)\b", "0 s", line)


def lost(shown: Sequence[str], lines: Iterable[str]) -> list[str]:
    """Returns the first line that does not come after those above it, if any.

    `lines` may be those of a transcript, with <words> for what differs.
    """
    rest = iter(lines)
    for text in shown:
        if not any(_is_like(text, line) for line in rest):
            return [text]
    return []


def _is_like(text: str, line: str) -> bool:
    pattern = chapter.expression(line)
    return shape(text) == shape(line) or bool(
        re.search(r"<\w+>", line) and re.fullmatch(pattern, text)
    )


def elsewhere_problems(
    page: chapter.Chapter, chapters: Sequence[chapter.Chapter]
) -> list[str]:
    """Returns the lines in blocks of a page that no chapter has.

    The numbers may be others. The test of a lab compares those of its chapter
    with the programs. A first line `$ ./bazelw run ... //labs:pipes` says of
    which lab they are.
    """
    problems = []
    for fence in page.fences:
        if fence.info[:2] not in (("text", MEASURED), ("text", HANG)):
            continue
        label = re.match(r"\$ .*//labs:(\w+)", "".join(fence.body[:1]))
        known = [
            line
            for text in chapters
            if not label or text.file.parent.name == label[1]
            for other in text.fences
            if other.info[:1] == ("console",)
            or other.info[:2] == fence.info[:2]
            for line in other.body
        ]
        problems += [
            f"{page.place}:{number}: no chapter shows this: {line}"
            for number, line in enumerate(fence.body, fence.line + 1)
            if not line.startswith("$ ")
            and not any(_is_like(line, other) for other in known)
        ]
    return problems


def hangs(text: chapter.Chapter) -> dict[str, chapter.Fence]:
    """Returns by the name of a wrong variant what is said of its hang."""
    return {" ".join(x.info[2:]): x for x in texts(text, HANG)}


# Lines that only some runs print.


def printed_problems(text: chapter.Chapter) -> list[str]:
    """Each such line is made by a string of the sources beside the chapter."""
    files = [*text.file.parent.glob("*.cc"), *text.file.parent.glob("*.h")]
    patterns = [
        pattern
        for file in sorted(files)
        for pattern in _patterns(file.read_text(encoding="utf-8"))
    ]
    return [
        f"{text.place}:{number}: no string of the sources makes this: {line}"
        for fence in texts(text, PRINTED)
        for number, line in enumerate(fence.body, fence.line + 1)
        if not any(x.fullmatch(_SAYS.sub("", line, 1)) for x in patterns)
    ]


def _patterns(source: str) -> Iterator[re.Pattern[str]]:
    """Yields expressions of the lines of string literals, {} for anything."""
    joined = re.sub(r'"\s*\n\s*"', "", source)
    for literal in re.findall(r'"((?:\\.|[^"\\\n])*)"', joined):
        for line in literal.split(r"\n"):
            parts = re.split(r"\{[^{}]*\}", line.replace('\\"', '"'))
            if sum(map(len, parts)) > 4:  # Some fit anything.
                yield re.compile(".*".join(map(re.escape, parts)))


# Paths.


def layout_problems(text: chapter.Chapter, root: pathlib.Path) -> list[str]:
    """What a layout begins its lines with exists; what is indented is below."""
    problems = []
    for fence in texts(text, LAYOUT):
        above = root
        for number, line in enumerate(fence.body, fence.line + 1):
            found = re.match(r"( {0,3})(\S+)", line)
            if not found:
                continue
            path = (above if found[1] else root) / found[2]
            if not found[1]:
                above = path
            if not path.exists():
                problems.append(f"{text.place}:{number}: there is no {path}")
    return problems


# Commands.


def command_problems(text: chapter.Chapter, root: pathlib.Path) -> list[str]:
    """The programs, targets and flags of commands exist."""
    problems = []
    for fence in text.fences:
        commands = [line for line in fence.body if fence.info == ("sh",)]
        if fence.info[:2] == ("text", MEASURED):
            commands = [x[2:] for x in fence.body[:1] if x.startswith("$ ")]
        for command in "\n".join(commands).replace("\\\n", " ").splitlines():
            plain = re.sub(r"\$\(.*?\)|\{\S*\}\S*", "x", command)
            for part in re.split(r"&&|[|&]", _COMMENT.sub("", plain)):
                problems += [
                    f"{text.place}:{fence.line}: {problem}: {command.strip()}"
                    for problem in _problems_of(shlex.split(part), root)
                ]
    return problems


def _problems_of(words: list[str], root: pathlib.Path) -> Iterator[str]:
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    if not words:
        return
    name, *rest = words
    if name == "./bazelw":
        yield from _bazel_problems(rest, root)
    elif made := re.match(r"bazel-bin/labs/(\w+)/(\w+)$", name):
        yield from _target_problem(f"//labs/{made[1]}:{made[2]}", root)
        yield from _flag_problems(made[1], rest, root)
    elif name.startswith("tools/"):
        if not (root / name).is_file():
            yield f"there is no {name}"
    elif name not in _TOOLS:
        yield f"{name} is none of {', '.join(sorted(_TOOLS))}"


def _bazel_problems(words: list[str], root: pathlib.Path) -> Iterator[str]:
    end = words.index("--") if "--" in words else len(words)
    targets = [word for word in words[:end] if word.startswith("//")]
    if not targets:
        yield "it has no target"
    for target in targets:
        yield from _target_problem(target, root)
    flags = words[end + 1 :]
    if lab := re.match(r"//labs[:/](\w+)", "".join(targets)):
        yield from _flag_problems(lab[1], flags, root)
    elif targets in (["//harness:explore"], ["//harness:play"]):
        labs = [word for word in flags if not word.startswith("--")]
        for lab_name in labs[1:]:
            yield f"{lab_name} is not the name of a flag"
        for word in labs[:1]:
            lab_name, _, variant = word.partition(":")
            target = f"//labs/{lab_name}:{variant or lab_name}"
            yield from _target_problem(target, root)
            yield from _flag_problems(lab_name, flags, root, "harness/*.py")


def _target_problem(target: str, root: pathlib.Path) -> Iterator[str]:
    package, _, name = target.removeprefix("//").partition(":")
    if target.endswith("..."):
        return
    if package == "labs":
        package = f"labs/{name}"
    folder = root / package
    name = name or folder.name
    wrong = folder / "wrong" / f"{name.removeprefix('wrong_')}.cc"
    files = [folder / f"{name}{end}" for end in (".py", ".cc", "_main.py")]
    if package.startswith("labs/") and name == folder.name:
        files.append(folder / "main.cc")
    if name.startswith("wrong_"):
        files = [wrong]
    if name == "all" or any(file.is_file() for file in files):
        return
    # An alias, of a program elsewhere.
    build = folder / "BUILD.bazel"
    if not build.is_file() or f'name = "{name}"' not in build.read_text(
        "utf-8"
    ):
        yield f"there is no {target}"


def _flag_problems(
    lab: str, words: Sequence[str], root: pathlib.Path, more: str = ""
) -> Iterator[str]:
    """Yields the flags that stand in no source of the lab."""
    files = [*root.glob(f"labs/{lab}/*.cc"), root / "common/lab/lab.cc"]
    files += root.glob(more) if more else []
    known = "\n".join(file.read_text(encoding="utf-8") for file in files)
    own = "\n".join(
        file.read_text(encoding="utf-8")
        for file in root.glob(f"labs/{lab}/*.cc")
    )
    for word in words:
        flag, _, value = word.partition("=")
        if flag.startswith("--") and flag != "--" and f'"{flag}"' not in known:
            yield f"{lab} has no {flag}"
        if flag == "--scenario" and f'"{value}"' not in own:
            yield f"{lab} has no scenario {value}"
