"""Checks a lab's chapter against the lab: headings, code, transcripts, links.

A problem is a text that begins with the file and line it is about. In a
chapter,

    ```cpp main.cc#eof          the lines of main.cc around `// [eof]`
    ```console                  what its first line, `$ ./bazelw run`, prints
    ```console unordered        the same, and each speaker's lines in any order
    ```strace                   calls that its first line, `$ strace`, shows;
                                see trace.py
    ```shell                    what its lines `$ ...` print, such as those of
                                ps(1), ls(1) or cat(1) of a file in /proc; what
                                is in bazel-bin/labs/ are programs of this lab

In a transcript `<n>` or any `<word>` stands for a token, a line `...` for any
number of lines, and `^C` for the key.
"""

import collections
import dataclasses
import difflib
import pathlib
import re
import shlex
import textwrap
from collections.abc import Iterable, Sequence

from harness import match

HEADINGS = (
    "Question",
    "Run it",
    "What you see",
    "Why",
    "Under the hood",
    "What goes wrong",
    "If a process dies",
    "Try",
    "See",
)

# The mark of a line of a source, which a chapter names it by.
TAG = re.compile(r"//\s*\[([\w-]+)\]\s*")
_FENCE = re.compile(r"^ {0,3}```+\s*(.*?)\s*$")
_HEADING = re.compile(r"^(#+)\s+(.*?)\s*#*$")
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_TOKEN = re.compile(r"<(?:[a-z][a-z _-]*|\.\.\.)>")
_CODE = ("cpp", "c++", "cc", "python")
# A source that is named so is named from the root of the tree.
FROM_ROOT = ("common/", "grader/", "labs/")
_ITEM = re.compile(r"(\d+)\. ")
# An item of a list with a folded answer, which must be indented as it is.
_ANSWERED = re.compile(
    r"\d+\. .+(?:\n {3}.+)*?\n\n"
    r" {3}<details>\n {3}<summary>Answer</summary>\n\n"
    r"(?: {3}(?!<).*\n|\n)+?"
    r"\n {3}</details>"
)


@dataclasses.dataclass(frozen=True)
class Fence:
    """A fenced block; `line` is the number of its opening line."""

    line: int
    info: tuple[str, ...]
    body: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Console:
    """A command in a transcript, and what it printed."""

    place: str  # "README.md:12", where the command is
    file: str
    first: int  # The number of the first line of the output.
    label: str  # "//labs:pipes"
    flags: tuple[str, ...]
    output: tuple[str, ...]
    unordered: bool

    def variant_of(self, lab: str) -> str | None:
        """Returns "" for the lab, "raw", a wrong variant's name, or None."""
        if self.label in (
            f"//labs:{lab}",
            f"//labs/{lab}",
            f"//labs/{lab}:{lab}",
        ):
            return ""
        variant = re.fullmatch(
            rf"//labs/{re.escape(lab)}:(?:wrong_(\w+)|raw)", self.label
        )
        return (variant[1] or "raw") if variant else None

    def problems(self, lines: Sequence[str]) -> list[str]:
        """Compares the output with what the command prints now, `lines`."""
        elided = any(text.strip() == "..." for text in self.output)
        speakers = {_speaker(t): None for t in self.output if not _is_mark(t)}
        problems = []
        for speaker in speakers:
            problems += self._speaker_problems(speaker, lines)
        if not elided:
            for line in lines:
                if _speaker(line) not in speakers:
                    problems.append(
                        f"{self.place}: stale, this line is new: {line}"
                    )
        if problems:
            problems.append(_diff(self.output, lines))
        return problems

    def _speaker_problems(
        self, speaker: str, lines: Sequence[str]
    ) -> list[str]:
        expected: list[match.Expected] = []
        numbers: list[int] = []  # Of the lines in the chapter.
        for number, text in enumerate(self.output, self.first):
            if text.strip() == "...":
                expected.append(...)
                numbers.append(number)
            elif not _is_mark(text) and _speaker(text) == speaker:
                expected.append(expression(text))
                numbers.append(number)
        said = [line for line in lines if _speaker(line) == speaker]
        if self.unordered:
            missing, extra = _pair_unordered(expected, said)
        else:
            alignment = match.align(expected, said)
            missing = [i for i, _ in alignment.missing]
            extra = [said[j] for j in alignment.extra]
        problems = [
            f"{self.file}:{numbers[i]}: stale, not printed"
            f"{' (here)' if not self.unordered else ''}: "
            f"{self.output[numbers[i] - self.first]}"
            for i in missing
        ]
        return problems + [
            f"{self.place}: stale, this line is new: {line}" for line in extra
        ]


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """A command that runs a lab by strace, and some of the calls it shows."""

    place: str
    program: str  # "bazel-bin/labs/pipes/wrong_unclosed_end"
    options: tuple[str, ...]
    flags: tuple[str, ...]
    calls: tuple[str, ...]

    def variant_of(self, lab: str) -> str | None:
        """Returns "" for the lab, "raw", a wrong variant's name, or None."""
        found = re.fullmatch(
            rf"bazel-bin/labs/{re.escape(lab)}/"
            rf"(?:{re.escape(lab)}|(raw)|wrong_(\w+))",
            self.program,
        )
        return (found[1] or found[2] or "") if found else None


@dataclasses.dataclass(frozen=True)
class Item:
    """An item of "Try"; `text` is all of it, with the answer."""

    line: int
    number: int
    text: str


@dataclasses.dataclass(frozen=True)
class Chapter:
    """A document of the course."""

    file: pathlib.Path
    lines: tuple[str, ...]
    fences: tuple[Fence, ...]

    @staticmethod
    def read(file: pathlib.Path) -> "Chapter":
        """Reads a Markdown file."""
        lines = tuple(file.read_text(encoding="utf-8").splitlines())
        return Chapter(file, lines, tuple(_fences(lines)))

    @property
    def place(self) -> str:
        """The file as problems name it."""
        return self.file.name

    def prose(self) -> list[tuple[int, str]]:
        """Returns the numbered lines that are in no fence."""
        fenced = {
            number
            for fence in self.fences
            for number in range(fence.line, fence.line + len(fence.body) + 2)
        }
        return [
            (number, line)
            for number, line in enumerate(self.lines, 1)
            if number not in fenced
        ]

    def headings(self) -> list[tuple[int, int, str]]:
        """Returns (line, level, text) of each heading."""
        found = ((n, _HEADING.match(line)) for n, line in self.prose())
        return [(n, len(m[1]), m[2]) for n, m in found if m]

    def heading_problems(self) -> list[str]:
        """A chapter has the fixed headings, all of them, in order."""
        problems = []
        if not self.lines or not self.lines[0].startswith("# "):
            problems.append(f"{self.place}:1: begin with a title, '# ...'")
        found = [(n, text) for n, level, text in self.headings() if level == 2]
        for number, text in found:
            if text not in HEADINGS:
                problems.append(
                    f"{self.place}:{number}: '{text}' is not a fixed heading"
                )
        texts = [text for _, text in found]
        for heading in HEADINGS:
            if texts.count(heading) != 1:
                problems.append(
                    f"{self.place}: there must be one heading '## {heading}', "
                    f"not {texts.count(heading)}"
                )
        if not problems and texts != list(HEADINGS):
            problems.append(
                f"{self.place}: the order of headings is {', '.join(HEADINGS)}"
            )
        return problems

    def naming_problems(self, variants: Iterable[str]) -> list[str]:
        """Every wrong variant is named in the chapter."""
        text = "\n".join(self.lines)
        return [
            f"{self.place}: does not name wrong variant {variant}"
            for variant in variants
            if not re.search(
                rf"(?<!\w)(wrong_)?{re.escape(variant)}(?!\w)", text
            )
        ]

    def code_problems(self, root: pathlib.Path) -> list[str]:
        """Each listing consists of consecutive lines of the source it names.

        `root` is the folder of the whole tree, for what is named from there:
        common/..., grader/..., labs/...
        """
        problems = []
        for fence in self.fences:
            if not fence.info or fence.info[0] not in _CODE:
                continue
            place = f"{self.place}:{fence.line}"
            if len(fence.info) != 2:
                problems.append(f"{place}: name the source: ```cpp main.cc#tag")
                continue
            path, _, tag = fence.info[1].partition("#")
            is_whole = path.startswith(FROM_ROOT)
            start = root if is_whole else self.file.parent
            if ".." in pathlib.PurePath(path).parts:
                problems.append(f"{place}: {path} is outside the lab")
            elif not (start / path).is_file():
                problems.append(f"{place}: there is no {path}")
            else:
                source = (start / path).read_text(encoding="utf-8")
                problem = _code_problem(fence, source.splitlines(), tag)
                if problem:
                    problems.append(f"{place}: {path}{problem}")
        return problems

    def tag_problems(self) -> list[str]:
        """The tags in Try are those of lines here and in the sources."""
        sources = [
            *self.file.parent.glob("*.cc"),
            *self.file.parent.glob("*.h"),
            *self.file.parent.glob("wrong/*.cc"),
        ]
        texts = {
            file: file.read_text(encoding="utf-8") for file in sorted(sources)
        }
        known = {tag for text in texts.values() for tag in TAG.findall(text)}
        problems = [
            f"{self.place}:{number}: no line is marked [{tag}]"
            for number, line in enumerate(self.lines, 1)
            for tag in re.findall(r"`\[([a-z][\w-]*)\]`", line)
            if tag not in known
        ]
        for file, text in texts.items():
            tried = re.search(r"^// .*?\bTry: ((?:.*\n//)*.*)", text, re.M)
            for tag in re.findall(
                r"\[([a-z][\w-]*)\]", tried[1] if tried else ""
            ):
                if tag not in known:
                    problems.append(f"{file.name}: no line is marked [{tag}]")
        return problems

    def consoles(self) -> list[Console]:
        """Returns the transcripts of labs; those of other programs are left."""
        found = []
        for fence in self.fences:
            if not fence.info or fence.info[0] != "console":
                continue
            starts = [i for i, t in enumerate(fence.body) if t.startswith("$ ")]
            for begin, end in zip(starts, [*starts[1:], len(fence.body)]):
                command = _lab_command(fence.body[begin][2:])
                if command:
                    line = fence.line + 1 + begin
                    found.append(
                        Console(
                            f"{self.place}:{line}",
                            self.place,
                            line + 1,
                            command[0],
                            command[1],
                            fence.body[begin + 1 : end],
                            "unordered" in fence.info[1:],
                        )
                    )
        return found

    def shells(self) -> list[Console]:
        """Returns what is shown of other programs; the script is the label."""
        found = []
        for fence in self.fences:
            if fence.info[:1] != ("shell",):
                continue
            script = [t[2:] for t in fence.body if t.startswith("$ ")]
            first = fence.line + 1 + len(script)
            found.append(
                Console(
                    f"{self.place}:{fence.line}",
                    self.place,
                    first,
                    "\n".join(script),
                    (),
                    fence.body[len(script) :],
                    "unordered" in fence.info[1:],
                )
            )
        return found

    def excerpts(self) -> list[Excerpt]:
        """Returns what is shown of traces."""
        found = []
        for fence in self.fences:
            if fence.info != ("strace",):
                continue
            words = shlex.split((fence.body or ("",))[0])
            place = next(
                (i for i, word in enumerate(words) if "bazel-bin/" in word),
                len(words),
            )
            if words[:2] != ["$", "strace"]:
                place = len(words)
            found.append(
                Excerpt(
                    f"{self.place}:{fence.line}",
                    "".join(words[place : place + 1]),
                    tuple(words[2:place]),
                    tuple(words[place + 1 :]),
                    fence.body[1:],
                )
            )
        return found

    def unchecked_problems(self) -> list[str]:
        """What a command prints is in a fence that is compared with it."""
        return [
            f"{self.place}:{number}: show what this prints in a fence "
            f"`console`, `strace` or `shell`, which are compared: {line}"
            for fence in self.fences
            if fence.info[:1] not in (("console",), ("strace",), ("shell",))
            for number, line in enumerate(fence.body, fence.line + 1)
            if line.startswith("$ ")
        ] + [
            f"{self.place}:{number}: this command is not run: {line}"
            for fence in self.fences
            if fence.info[:1] == ("console",)
            for number, line in enumerate(fence.body, fence.line + 1)
            if line.startswith("$ ") and not _lab_command(line[2:])
        ]

    def tries(self) -> list[Item]:
        """Returns the items of "Try"."""
        found: list[Item] = []
        inside = False
        for number, line in enumerate(self.lines, 1):
            if line.startswith("## "):
                inside = line == "## Try"
            elif inside and (item := _ITEM.match(line)):
                found.append(Item(number, int(item[1]), line))
            elif inside and found:
                text = f"{found[-1].text}\n{line}"
                found[-1] = dataclasses.replace(found[-1], text=text)
        return found

    def try_problems(self) -> list[str]:
        """Each item of "Try" has a number and, folded below it, its answer."""
        problems = []
        for wanted, item in enumerate(self.tries(), 1):
            place = f"{self.place}:{item.line}: item {item.number} of Try"
            if item.number != wanted:
                problems.append(f"{place} should have the number {wanted}")
            if not _ANSWERED.fullmatch(item.text.rstrip()):
                problems.append(
                    f"{place} has no folded answer; CONTRIBUTING.md shows one"
                )
        return problems

    def links(self) -> list[tuple[int, str]]:
        """Returns (line, target) of each link."""
        return [
            (number, target)
            for number, line in self.prose()
            for target in _LINK.findall(re.sub(r"`[^`]*`", "", line))
        ]

    def link_problems(
        self, inside: Sequence[pathlib.Path] | None = None
    ) -> list[str]:
        """Relative links lead to files, and anchors to headings.

        With `inside`, only the links into these folders are followed.
        """
        problems = []
        for number, target in self.links():
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path, _, anchor = target.partition("#")
            file = _normal(self.file.parent / path) if path else self.file
            if inside is not None and not any(
                file.is_relative_to(_normal(folder)) for folder in inside
            ):
                continue
            place = f"{self.place}:{number}"
            if not file.exists():
                problems.append(
                    f"{place}: link to {path}, which does not exist"
                )
            elif anchor and file.suffix == ".md":
                other = self if file == self.file else Chapter.read(file)
                if anchor not in {
                    _slug(text) for _, _, text in other.headings()
                }:
                    problems.append(
                        f"{place}: there is no heading #{anchor} in {file.name}"
                    )
        return problems


def without_tags(lines: Sequence[str]) -> list[str]:
    """Takes tags, indentation and space at the end of lines away."""
    untagged = []
    for line in lines:
        line = TAG.sub("// ", line).rstrip()
        if line.endswith("//"):  # The tag was all of the comment.
            line = line[:-2].rstrip()
        untagged.append(line)
    return textwrap.dedent("\n".join(untagged)).splitlines()


def _fences(lines: Sequence[str]) -> list[Fence]:
    found = []
    start, info = 0, ""
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if not fence:
            continue
        if not start:
            start, info = number, fence[1]
        elif not fence[1]:
            body = tuple(lines[start : number - 1])
            found.append(Fence(start, tuple(info.split()), body))
            start = 0
    return found


def _code_problem(fence: Fence, source: Sequence[str], tag: str) -> str:
    """Returns what is wrong with a listing, or ""."""
    tagged = [i for i, line in enumerate(source) if f"[{tag}]" in _tags(line)]
    if tag and len(tagged) != 1:
        return f" has {len(tagged)} lines tagged // [{tag}], not one"
    shown = without_tags(fence.body)
    if not shown:
        return ": the listing is empty"
    # Compared without tags and, as a whole, without indentation.
    places = [
        start
        for start in range(len(source) - len(shown) + 1)
        if not tag or start <= tagged[0] < start + len(shown)
    ]
    for start in places:
        if without_tags(source[start : start + len(shown)]) == shown:
            return ""
    if not tag:
        return " has no such consecutive lines"
    # Show what the lines are now that look most like the listing.
    nearest = max(
        (without_tags(source[start : start + len(shown)]) for start in places),
        key=lambda lines: _likeness(lines, shown),
        default=without_tags(source),
    )
    return (
        f" does not have these consecutive lines around // [{tag}]\n"
        + _diff(shown, nearest)
    )


def _likeness(lines: Sequence[str], shown: Sequence[str]) -> int:
    return sum(a == b for a, b in zip(lines, shown))


def _tags(line: str) -> str:
    return " ".join(f"[{tag}]" for tag in TAG.findall(line))


def _lab_command(command: str) -> tuple[str, tuple[str, ...]] | None:
    """Returns label and flags of `./bazelw run //labs... -- flags`."""
    words = shlex.split(command)
    if len(words) < 3 or words[1] != "run" or not words[2].startswith("//labs"):
        return None
    if pathlib.PurePath(words[0]).name not in ("bazelw", "bazel", "bazelisk"):
        return None
    flags = words[3:]
    if flags and flags[0] == "--":
        flags = flags[1:]
    return words[2], tuple(flags)


def _is_mark(text: str) -> bool:
    return text.strip() in ("...", "^C")


def _speaker(line: str) -> str:
    speaker, colon, _ = line.partition(": ")
    return speaker if colon else ""


def expression(text: str) -> str:
    """Returns an expression of a line in which <word> stands for any token."""
    parts = _TOKEN.split(text)
    return r"\S+".join(re.escape(part) for part in parts)


def _pair_unordered(
    expected: Sequence[match.Expected], said: Sequence[str]
) -> tuple[list[int], list[str]]:
    """Pairs lines in any order; returns what is missing and what is new."""
    # Lines without <word> are paired first, so that no other takes theirs.
    rest = collections.deque(said)
    missing = []
    patterns = [
        (i, item) for i, item in enumerate(expected) if isinstance(item, str)
    ]
    patterns.sort(key=lambda pattern: r"\S+" in pattern[1])
    for i, pattern in patterns:
        found = next((t for t in rest if match.full_match(pattern, t)), None)
        if found is None:
            missing.append(i)
        else:
            rest.remove(found)
    return sorted(missing), [] if ... in expected else list(rest)


def _diff(shown: Sequence[str], now: Sequence[str]) -> str:
    lines = difflib.unified_diff(shown, now, "chapter", "now", lineterm="", n=2)
    return textwrap.indent("\n".join(lines), "    ")


def _normal(path: pathlib.Path) -> pathlib.Path:
    """Takes `..` out without following symbolic links, as runfiles need it."""
    parts: list[str] = []
    for part in path.absolute().parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return pathlib.Path(*parts)


def _slug(heading: str) -> str:
    """Returns the anchor that code hosts make of a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.lower())
    return text.replace(" ", "-")
