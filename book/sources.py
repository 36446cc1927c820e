"""Highlighted sources: lines with anchors, tags, and links to declarations.

A link in what is returned begins with ROOT, which stands for the way to the
site's top folder; the page that shows it replaces it.
"""

import bisect
import concurrent.futures
import dataclasses
import functools
import html
import multiprocessing
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    String,
    Token,
    Whitespace,
)
from pygments.util import ClassNotFound

from book.names import Names
from harness import chapter

ROOT = "\ue000"  # A character of no text.

_QUALIFIED = re.compile(r"\bipc(?:::~?\w+)+")
_ALIAS = re.compile(r"\busing\s+ipc::((?:\w+::)*(\w+));")
_DECLARED = re.compile(r"\b(?:class|struct|using|enum class)\s+(\w+)\b(?!;|::)")

# Few classes, so that pages stay small; what is left out has no colour.
_STYLES = (
    (Comment.Preproc, "m"),
    (Comment.PreprocFile, "s"),
    (Comment, "c"),
    (Keyword.Type, "t"),
    (Keyword, "k"),
    (String, "s"),
    (Number, "n"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Builtin, "k"),
    (Name.Tag, "k"),
    (Token.Generic.Inserted, "s"),
    (Token.Generic.Deleted, "n"),
)


@functools.cache
def _style(kind: object) -> str:
    found = ""
    for parent, style in _STYLES:
        if kind in parent and not found:
            found = style
    if kind in Comment.PreprocFile:
        return "s"
    return found


@functools.cache
def _lexer(name: str) -> Lexer | None:
    try:
        if name.startswith("."):
            # A header has the same language as its source.
            return get_lexer_for_filename(
                "x.cc" if name == ".h" else f"x{name}",
                stripnl=False,
                ensurenl=False,
            )
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def lexer_for(path: str) -> str:
    """Returns the name by which highlight() knows the language of a file."""
    name = pathlib.PurePath(path).name
    if name == "BUILD.bazel" or name.endswith(".bzl"):
        return "python"
    return pathlib.PurePath(path).suffix or "text"


@dataclasses.dataclass(frozen=True)
class Linker:
    """Says where the names of the library lead, for one text of code."""

    names: Names
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @staticmethod
    def of(names: Names, path: str, text: str) -> "Linker":
        """Reads what a source calls by a short name, and what it declares."""
        own = set(_DECLARED.findall(text))
        aliases = {name: full for full, name in _ALIAS.findall(text)}
        if path.startswith("common/"):
            aliases = {name: name for name in names.classes}
        return Linker(
            names,
            {
                name: full
                for name, full in aliases.items()
                if name not in own or name != full
            },
        )

    def address(self, name: str) -> str | None:
        """Returns the address of a declaration."""
        place = self.names.find(name)
        if place is None:
            return None
        return f"{ROOT}source/{place.path}.html#L{place.line}"

    def links(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yields (begin, end, address) of each name, in order."""
        pattern = _QUALIFIED.pattern
        if self.aliases:
            words = "|".join(map(re.escape, self.aliases))
            pattern += rf"|(?<![\w.:>])(?:{words})(?:::\w+)*\b"
        for match in re.finditer(pattern, text):
            name = match[0]
            if not name.startswith("ipc::"):
                first, colons, rest = name.partition("::")
                name = self.aliases[first] + colons + rest
            if address := self.address(name):
                yield match.start(), match.end(), address


def _pieces(text: str, language: str) -> Iterator[tuple[int, str, str]]:
    """Yields (offset, style, text), neighbours of one style as one."""
    lexer = _lexer(language)
    if lexer is None:
        yield 0, "", text
        return
    begin, last, parts = 0, "", list[str]()
    for offset, kind, part in lexer.get_tokens_unprocessed(text):
        blank = kind in Whitespace or part.isspace()
        style = last if blank else _style(kind)
        if style != last and parts:
            yield begin, last, "".join(parts)
            parts = []
        if not parts:
            begin, last = offset, style
        parts.append(part)
    if parts:
        yield begin, last, "".join(parts)


def highlight(
    text: str, language: str, linker: Linker | None = None
) -> list[str]:
    """Returns the lines of a text as HTML."""
    links = list(linker.links(text)) if linker else []
    starts = [link[0] for link in links]
    out: list[str] = []
    done = 0
    for offset, style, part in _pieces(text, language):
        end = offset + len(part)
        done = max(done, offset)
        # A name in a string is no name, and neither is an include a link here.
        places = (
            links[bisect.bisect_left(starts, done) :]
            if style not in ("s", "m")
            else []
        )
        for begin, stop, address in places:
            if begin >= end:
                break
            _put(out, style, text[done:begin])
            name = html.escape(text[begin:stop], quote=False)
            out.append(f'<a href="{address}">{name}</a>')
            done = stop
        if done < end:
            _put(out, style, text[done:end])
            done = end
    return "".join(out).split("\n")


def _put(out: list[str], style: str, text: str) -> None:
    """Adds a text; an element does not go over the end of a line."""
    for number, line in enumerate(text.split("\n")):
        if number:
            out.append("\n")
        if line:
            shown = html.escape(line, quote=False)
            plain = not style or line.isspace()
            out.append(shown if plain else f"<i class={style}>{shown}</i>")


@dataclasses.dataclass(frozen=True)
class Source:
    """A source as the book shows it."""

    path: str
    text: str
    lines: tuple[str, ...]  # HTML

    @property
    def name(self) -> str:
        """The name of the file."""
        return pathlib.PurePath(self.path).name

    @property
    def address(self) -> str:
        """The address of its page."""
        return f"{ROOT}source/{self.path}.html"

    def tags(self) -> dict[str, int]:
        """Returns the number of the line of each tag."""
        found: dict[str, int] = {}
        for number, line in enumerate(self.text.splitlines(), 1):
            for tag in chapter.TAG.findall(line):
                found.setdefault(tag, number)
        return found

    def locate(self, body: Sequence[str], tag: str) -> tuple[int, int] | None:
        """Returns the first and last line that a listing quotes."""
        source = self.text.splitlines()
        tagged = self.tags().get(tag)
        shown = chapter.without_tags(body)
        if not shown:
            return None
        for start in range(len(source) - len(shown) + 1):
            end = start + len(shown)
            if tagged and not start < tagged <= end:
                continue
            if chapter.without_tags(source[start:end]) == shown:
                return start + 1, end
        return (tagged, tagged) if tagged else None

    def page(self) -> str:
        """Returns all lines, with an anchor for each line and each tag."""
        tags: dict[int, list[str]] = {}
        for tag, number in self.tags().items():
            tags.setdefault(number, []).append(tag)
        rows = []
        for number, line in enumerate(self.lines, 1):
            marks = "".join(
                f'<b id="tag-{tag}"></b>' for tag in tags.get(number, ())
            )
            rows.append(
                f'<span id=L{number}>{marks}<a href="#L{number}">'
                f"{number:>4}</a> {_with_includes(line)}\n</span>"
            )
        return (
            '<pre class="source" tabindex="0" role="group"'
            f' aria-label="{html.escape(self.name)}"><code>'
            + "".join(rows)
            + "</code></pre>"
        )


_INCLUDE = re.compile(
    r"(#include</i> <i class=s>|#include )(&quot;|\")"
    r"((?:common|labs|projects)/[\w./]+)(&quot;|\")"
)


def _with_includes(line: str) -> str:
    """Makes a link of the file that a line includes."""
    return _INCLUDE.sub(rf'\1\2<a href="{ROOT}source/\3.html">\3</a>\4', line)


class Sources:
    """Reads and highlights the sources of a tree, each once."""

    def __init__(self, root: pathlib.Path, names: Names) -> None:
        self.root = root
        self.names = names
        self._read: dict[str, Source] = {}

    def get(self, path: str) -> Source:
        """Returns a source by its path from the root of the tree."""
        if path not in self._read:
            text = (self.root / path).read_text(encoding="utf-8")
            self._read[path] = self.made(path, text)
        return self._read[path]

    def read_ahead(self, paths: Sequence[str]) -> None:
        """Highlights many sources at the same time."""
        rest = [path for path in paths if path not in self._read]
        with concurrent.futures.ProcessPoolExecutor(
            mp_context=multiprocessing.get_context("fork")
        ) as pool:
            for source in pool.map(self.get, rest, chunksize=16):
                self._read[source.path] = source

    def made(self, path: str, text: str) -> Source:
        """Highlights a text as if it were that of a file."""
        text = text.removesuffix("\n")
        linker = None
        if path.endswith((".h", ".cc")):
            linker = Linker.of(self.names, path, text)
        lines = highlight(text, lexer_for(path), linker)
        return Source(path, text, tuple(lines))

    def all(self) -> list[Source]:
        """Returns what was read."""
        return [self._read[path] for path in sorted(self._read)]
