"""Makes of the course's Markdown files what Sphinx builds the book from.

Fences become HTML that is ready (fences.py), links become addresses in the
site, and what the book adds to a chapter - diffs, sources, recordings - is put
where it belongs. The files themselves stay as they are.
"""

import dataclasses
import html
import importlib
import inspect
import json
import pathlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from book import diffs, fences, pictures
from book.names import Names
from book.sources import ROOT, Linker, Source, Sources
from harness import about, chapter, exercises

CODE = (".cc", ".h", ".py")
# A file that is larger is copied, and has no page of its own.
PAGE_BYTES = 60_000
# Where the styles and scripts are that pages need besides the theme's.
STATIC = ("book/static", "harness")
_CODE_FENCES = ("cpp", "c++", "cc")

_FENCE = re.compile(r"^( *)(```+)\s*(.*?)\s*$")
_SPAN_OR_LINK = re.compile(
    r"(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
    r"|\]\(<?(?P<target>[^)\s>]+)>?(?P<rest>[^)]*)\)",
    re.S,
)
_MODULE = re.compile(r"^### (.+)$")
_LESSON = re.compile(r"^\d+\. \[(\w+)\]\(\.\./labs/\w+/README\.md\): (.+)$")
_PLOT = re.compile(r"!\[([^\]]+)\]\((\w+)\.svg\)")
_LISTED = re.compile(r"^- \[([^\]]+)\]\(([\w./-]+\.md)[^)]*\)")


class BadTree(Exception):
    """A file of the course is not as the book needs it; says which."""


@dataclasses.dataclass(frozen=True)
class Lesson:
    """A lab in the reading order."""

    lab: str
    question: str
    minutes: int


@dataclasses.dataclass(frozen=True)
class Module:
    """Labs that belong together."""

    title: str
    lessons: tuple[Lesson, ...]


@dataclasses.dataclass
class Page:
    """A page that is made of a Markdown file."""

    name: str  # "labs/pipes", without its ending.
    file: str  # "labs/pipes/README.md"
    kind: str  # "lab", "doc", "room", "project".
    title: str = ""

    @property
    def depth(self) -> int:
        """How many folders it is below the top of the site."""
        return self.name.count("/")


@dataclasses.dataclass(frozen=True)
class Chunk:
    """HTML that a page includes, and what the search shall find of it."""

    html: str
    text: str = ""


def modules(root: pathlib.Path) -> list[Module]:
    """Returns the modules of the reading order, docs/README.md."""
    found: list[tuple[str, list[Lesson]]] = []
    text = (root / "docs/README.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if match := _MODULE.match(line):
            found.append((match[1], []))
        elif (match := _LESSON.match(line)) and found:
            lab = match[1]
            file = root / "labs" / lab / "about.toml"
            said = about.parse(lab, file.read_text(encoding="utf-8"))
            found[-1][1].append(Lesson(lab, match[2], said.minutes))
    if not found:
        raise BadTree("docs/README.md has no modules")
    return [Module(title, tuple(labs)) for title, labs in found]


def _part(name: str) -> Any:
    """Returns a part of the book that may be missing, or None."""
    try:
        return importlib.import_module(f"book.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"book.{name}":
            raise
        return None


def upper_first(text: str) -> str:
    """Returns a text that begins with a capital."""
    return text[:1].upper() + text[1:]


def title_of(text: str) -> str:
    """Returns the title of a Markdown file."""
    match = re.search(r"^# (.+)$", text, re.M)
    return match[1].replace("`", "") if match else ""


def _normal(path: str) -> str:
    return posixpath.normpath(path)


class Site:
    """All pages of the book."""

    def __init__(
        self,
        root: pathlib.Path,
        labs: Sequence[str] | None = None,
        recordings: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.modules = modules(root)
        known = [lesson.lab for m in self.modules for lesson in m.lessons]
        for lab in labs or ():
            if lab not in known:
                raise BadTree(f"there is no lab {lab}")
        self.order = known
        self.labs = [lab for lab in known if labs is None or lab in labs]
        self.is_whole = labs is None
        self.recordings = recordings or {}
        self.names = Names.read(root)
        self.sources = Sources(root, self.names)
        self.chunks: dict[str, Chunk] = {}
        self.scripts: dict[str, str] = {}  # Below _static.
        self.copies: dict[str, str] = {}  # Of files: address -> path.
        self.linked: set[str] = set()  # Sources that some page links to.
        self.pages = self._pages()
        self._by_file = {page.file: page for page in self.pages}
        self._ours: dict[str, set[str]] = {}
        self._recorded: dict[str, set[str]] = {}
        self._exercises: dict[str, list[exercises.Exercise]] = {}
        self.html_navigation = self.navigation()

    # What there is.

    def _pages(self) -> list[Page]:
        found = [
            Page(f"labs/{lab}", f"labs/{lab}/README.md", "lab")
            for lab in self.labs
        ]
        docs = sorted((self.root / "docs").glob("*.md"))
        for file in docs:
            name = "index" if file.stem == "README" else file.stem
            found.append(Page(f"docs/{name}", f"docs/{file.name}", "doc"))
        found += [
            Page("docs/benchmarks", "docs/benchmarks/README.md", "doc"),
            Page("readme", "README.md", "doc"),
            Page("contributing", "CONTRIBUTING.md", "doc"),
        ]
        for folder, name, kind in (
            ("common", "rooms", "room"),
            ("projects", "projects", "project"),
        ):
            for file in sorted((self.root / folder).glob("*/README.md")):
                room = file.parent.name
                path = f"{folder}/{room}/README.md"
                found.append(Page(f"{name}/{room}", path, kind))
        found.append(Page("projects/index", "projects/README.md", "project"))
        found = [page for page in found if (self.root / page.file).is_file()]
        for page in found:
            page.title = title_of(self._text(page.file))
        return found

    def _text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def lab_files(self, lab: str) -> list[str]:
        """Returns the sources of a lab: main.cc, the others, raw, wrong."""
        folder = self.root / "labs" / lab
        files = [
            file.relative_to(self.root).as_posix()
            for file in folder.rglob("*")
            if file.suffix in CODE and "_test." not in file.name
        ]

        def rank(path: str) -> tuple[int, str]:
            name = posixpath.basename(path)
            if "/wrong/" in path:
                return 3, name
            if name == "raw.cc":
                return 2, name
            return (0 if name == "main.cc" else 1), name

        return sorted(files, key=rank)

    def all_files(self) -> list[str]:
        """Returns all sources that have a page."""
        found = set(self.linked)
        folders = ["labs/*.h", "common/**/*"] if self.is_whole else []
        for pattern in folders:
            for file in self.root.glob(pattern):
                if file.suffix in CODE:
                    found.add(file.relative_to(self.root).as_posix())
        for lab in self.labs:
            found |= set(self.lab_files(lab))
            for test in (self.root / "labs" / lab).glob("*_test.*"):
                if test.suffix in CODE:
                    found.add(test.relative_to(self.root).as_posix())
        if self.is_whole:
            # The solutions of the projects are for who has none of his own.
            for file in (self.root / "projects").glob("*/*"):
                hidden = file.stem == "solution" or "_test" in file.stem
                if file.suffix in CODE and not hidden:
                    found.add(file.relative_to(self.root).as_posix())
        return sorted(found)

    # Links.

    def address(self, page: Page, target: str) -> str:
        """Returns the address of what a page links to.

        It is that of a place outside, or "book:<path>#<anchor>".
        """
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            return target
        path, _, anchor = target.partition("#")
        anchor = f"#{anchor}" if anchor else ""
        if not path:
            return f"book:{page.name}.html{anchor}"
        place = _normal(posixpath.join(posixpath.dirname(page.file), path))
        left_out = re.fullmatch(r"labs/(\w+)/README\.md", place)
        if left_out and left_out[1] in self.order:
            if left_out[1] not in self.labs:
                return "book:index.html"
        return f"book:{self._place(page, place)}{anchor}"

    def _place(self, page: Page, place: str) -> str:
        if other := self._by_file.get(place):
            return f"{other.name}.html"
        file = self.root / place
        if file.is_dir():
            readme = self._by_file.get(f"{place}/README.md")
            return f"{readme.name}.html" if readme else "source/index.html"
        if not file.is_file():
            raise BadTree(f"{page.file}: link to {place}, which does not exist")
        if file.stat().st_size > PAGE_BYTES and file.suffix not in CODE:
            self.copies[f"_static/files/{place}"] = place
            return f"_static/files/{place}"
        self.linked.add(place)
        return f"source/{place}.html"

    def _linked(self, page: Page, text: str) -> str:
        def change(match: re.Match[str]) -> str:
            if match["target"] is None:
                return match[0]
            target = match["target"]
            return f"]({self.address(page, target)}{match['rest']})"

        return _SPAN_OR_LINK.sub(change, text)

    # Text.

    def put(self, chunk: Chunk, indent: str = "") -> list[str]:
        """Keeps HTML, and returns the lines that include it."""
        key = f"c{len(self.chunks)}"
        self.chunks[key] = chunk
        return ["", f"{indent}```{{book}} {key}", f"{indent}```", ""]

    def staged(self, page: Page) -> str:
        """Returns the text of a page for Sphinx."""
        lines = self._text(page.file).splitlines()
        out: list[str] = []
        prose: list[str] = []
        number = 0
        while number < len(lines):
            fence = _FENCE.match(lines[number])
            if not fence:
                prose += self._with_plot(page, lines[number])
                number += 1
                continue
            indent, ticks, info = fence.groups()
            body: list[str] = []
            number += 1
            while number < len(lines) and lines[number].strip() != ticks:
                body.append(lines[number].removeprefix(indent))
                number += 1
            number += 1
            out += self._linked(page, "\n".join(prose)).split("\n")
            prose = []
            chunk = Chunk(self.fence(page, info.split(), body), "\n".join(body))
            out += self.put(chunk, indent)
        out += self._linked(page, "\n".join(prose)).split("\n")
        if page.kind == "lab":
            out = self._chapter(page, out)
        deaths = _part("deaths") if page.name == "docs/death" else None
        if deaths:
            title = '<h2 id="pictures">The table in pictures</h2>'
            text = deaths.html(self._text(page.file))
            out += self.put(Chunk(f"{title}{text}"))
        return "\n".join(["---", "orphan: true", "---", "", *out, ""])

    def _with_plot(self, page: Page, line: str) -> list[str]:
        """Returns a line, or the plot of the benchmarks that it asks for."""
        plot = _PLOT.fullmatch(line)
        if not plot or page.name != "docs/benchmarks":
            return [line]
        folder = posixpath.dirname(page.file)
        place = f"{folder}/{plot[2]}.svg"
        self.copies[f"_static/files/{place}"] = place
        found = json.loads(self._text(f"{folder}/results.json"))
        address = f"{ROOT}_static/files/{place}"
        figure = pictures.plot_figure(address, plot[2], plot[1], found)
        return self.put(Chunk(figure, plot[1]))

    def linker(self, page: Page) -> Linker:
        """Returns where names in the code of a page lead."""
        names: dict[str, str] = {}
        if page.kind == "lab":
            lab = page.name.partition("/")[2]
            for path in self.lab_files(lab):
                if "/wrong/" not in path and path.endswith((".cc", ".h")):
                    names.update(
                        Linker.of(self.names, path, self._text(path)).aliases
                    )
        if page.kind == "room":
            names = {name: name for name in self.names.classes}
        return Linker(self.names, names)

    def fence(
        self, page: Page, info: Sequence[str], body: Sequence[str]
    ) -> str:
        """Returns a fenced block as HTML."""
        kind = info[0] if info else "text"
        if kind == "console":
            return fences.transcript(body, "unordered" in info[1:])
        if kind == "strace":
            return fences.trace(body)
        if kind == "sh":
            return fences.shell(body)
        if kind in _CODE_FENCES and len(info) == 2:
            path, _, tag = info[1].partition("#")
            folder = posixpath.dirname(page.file)
            is_whole = path.startswith(chapter.FROM_ROOT)
            place = path if is_whole else _normal(posixpath.join(folder, path))
            if not (self.root / place).is_file():
                raise BadTree(f"{page.file}: there is no {place}")
            self.linked.add(place)
            source = self.sources.get(place)
            return fences.listing(source, tag, body, self.linker(page))
        return fences.code(kind, body, self.linker(page))

    def ours(self, page: Page) -> set[str]:
        """Returns the classes of a lab that bear a name of the library's."""
        if page.kind != "lab":
            return set()
        if page.name not in self._ours:
            lab = page.name.partition("/")[2]
            text = "\n".join(
                self._text(path)
                for path in self.lab_files(lab)
                if path.endswith((".cc", ".h"))
            )
            self._ours[page.name] = set(
                re.findall(
                    r"\b(?:class|struct)\s+(\w+)\s*(?:final\s*)?[:{]", text
                )
            )
        return self._ours[page.name]

    def inline(self, page: Page, text: str) -> str:
        """Returns code in a sentence as HTML, with links to declarations."""
        known = {
            name: name
            for name in self.names.classes
            if name == re.split(r"\W", text)[0]
            and not (page.name.startswith("docs/glossary"))
        }
        if set(known) & self.ours(page):
            known = {}
        if known and not re.fullmatch(r"\w+(::\w+)*(\(.*\))?", text):
            known = {}
        linker = Linker(self.names, known)
        out, done = [], 0
        for begin, end, address in linker.links(text):
            out.append(html.escape(text[done:begin], quote=False))
            shown = html.escape(text[begin:end], quote=False)
            out.append(f'<a href="{address}">{shown}</a>')
            done = end
        out.append(html.escape(text[done:], quote=False))
        return "".join(out)

    # Chapters.

    def _chapter(self, page: Page, lines: list[str]) -> list[str]:
        """Adds to a chapter what only the book has."""
        lab = page.name.partition("/")[2]
        out: list[str] = []
        heading = ""
        sections: dict[str, list[str]] = {}
        for line in lines:
            if line.startswith("## "):
                heading = line[3:].strip()
            sections.setdefault(heading, []).append(line)
        top = sections.get("", [])
        # The head of the chapter is set apart.
        begin = next((i for i, x in enumerate(top) if x.startswith("# ")), 0)
        sections[""] = [
            *top[: begin + 1],
            *("", '<div class="head">', ""),
            *top[begin + 1 :],
            *("", "</div>", ""),
        ]
        wrong = sections.get("What goes wrong")
        if wrong:
            sections["What goes wrong"] = self._with_diffs(lab, wrong)
        after: dict[str, list[str]] = {
            "Under the hood": self.raw_section(lab),
            "What goes wrong": [self.recorded("runs", "runs_html", lab)],
            "Why": [self.recorded("explorations", "scheduler_html", lab)],
        }
        for name, section in sections.items():
            out += section
            for text in after.get(name, ()):
                if text:
                    out += self.put(Chunk(text))
        self._keep_sources(lab)
        return out

    def recorded(self, kind: str, module: str, lab: str) -> str:
        """Returns what another part of the book makes of its recordings."""
        found = self.recordings.get(kind, {}).get(lab)
        part = _part(module)
        if not found or part is None:
            return ""
        told = self.recordings.get("recorded", {})
        more = {}
        takes = inspect.signature(part.chapter_section).parameters
        if told and "recorded" in takes:
            more["recorded"] = f"{told['date']}, {told['machine']}"
        text: str = part.chapter_section(lab, found, **more)
        if text:
            self._recorded.setdefault(lab, set()).add(kind)
        return f'<div class="wide">{text}</div>' if text else ""

    def extras(self, name: str, ending: str) -> list[str]:
        """Returns the styles, or the scripts, that a page needs besides."""
        kinds = self._recorded.get(name.removeprefix("labs/"), set())
        found = []
        if "explorations" in kinds or name == "schedulers":
            found.append("scheduler")
        if ending == ".css" and ("runs" in kinds or name == "docs/death"):
            found += ["diagram", "runs"]
        places = [self.root / place for place in STATIC]
        return [
            f"{one}{ending}"
            for one in found
            if any((place / f"{one}{ending}").is_file() for place in places)
        ]

    def with_recorded(
        self, page: Page, contents: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        """Adds what was recorded to the sections of a chapter."""
        kinds = self._recorded.get(page.name.removeprefix("labs/"), set())
        found = []
        for anchor, text in contents:
            found.append((anchor, text))
            if anchor == "why" and "explorations" in kinds:
                found.append(("scheduler", "You are the scheduler"))
            if anchor == "what-goes-wrong" and "runs" in kinds:
                found.append(("runs", "Right and wrong together"))
        return found

    def _with_diffs(self, lab: str, lines: Sequence[str]) -> list[str]:
        """Puts each wrong variant at the item that names it."""
        variants = [path for path in self.lab_files(lab) if "/wrong/" in path]
        left = {pathlib.PurePath(path).stem: path for path in variants}
        blocks: list[list[str]] = [[]]
        for line in lines:
            if line.startswith("- ") or (not line.strip() and blocks[-1]):
                blocks.append([])
            blocks[-1].append(line)
        out: list[str] = []
        for block in blocks:
            out += block
            if not block or not block[0].startswith("- "):
                continue
            named = re.findall(
                r"`(?:wrong_)?(\w+)`", block[0].partition(":")[0]
            )
            for name in named:
                if path := left.pop(name, None):
                    out += self.put(Chunk(self.variant(lab, path)), "  ")
        # Those that a sentence names, and no item.
        for path in left.values():
            out += self.put(Chunk(self.variant(lab, path)))
        return out

    def variant(self, lab: str, path: str) -> str:
        """Returns a wrong variant, and what mends it, folded.

        What its exercise makes of it is the nearest right program: a variant is
        a program of its own, and shares little with main.cc. One that has no
        exercise yet is shown as it is.
        """
        wrong = self.sources.get(path)
        name = pathlib.PurePath(path).stem
        link = f'<a href="{wrong.address}">wrong/{wrong.name}</a>'
        whole = f"<p class=note>{link}</p>{listing(wrong)}"
        mended = self._mended(lab, name)
        if not mended:
            return (
                f'<details class="fold variant" id="wrong-{name}">'
                f"<summary><code>{name}</code>: the program</summary>"
                f"{whole}</details>"
            )
        old, new, exercise = mended
        shown = diffs.table(old, new, f"{name}, mended")
        return (
            f'<details class="fold variant" id="wrong-{name}">'
            f"<summary>Answer: <code>{name}</code>, mended</summary>"
            f"<p class=note>The exercise <code>{exercise}</code> asks for this."
            f" What is wrong is red, and what is right is green.</p>{shown}"
            '<details class="fold"><summary>The whole wrong program</summary>'
            f"{whole}</details></details>"
        )

    def _mended(self, lab: str, name: str) -> tuple[Source, Source, str] | None:
        """Returns a variant, the same mended, and the exercise that asks so."""
        if lab not in self._exercises:
            self._exercises[lab] = exercises.load(self.root / "labs" / lab)
        for exercise in self._exercises[lab]:
            if (exercise.kind, exercise.name) == (exercises.MEND, name):
                path = f"labs/{lab}/wrong/{name}.cc"
                return (
                    self.sources.made(path, exercise.copy()),
                    self.sources.made(path, exercise.solution()),
                    exercise.title,
                )
        return None

    def raw_section(self, lab: str) -> list[str]:
        """Returns raw.cc beside the library's way."""
        path = f"labs/{lab}/raw.cc"
        if not (self.root / path).is_file():
            return []
        raw = self.sources.get(path)
        files = [
            f
            for f in self.lab_files(lab)
            if "/wrong/" not in f and f != path and f.endswith((".cc", ".h"))
        ]
        quoted = re.findall(
            r"^```cpp (?!raw)([\w./]+)#?",
            self._text(f"labs/{lab}/README.md"),
            re.M,
        )
        files.sort(key=lambda f: -quoted.count(posixpath.basename(f)))
        ways = [self.sources.get(f) for f in files]
        left = "".join(
            f"<details{' open' if number == 0 else ''}>"
            f"<summary>{source.name}</summary>{listing(source)}</details>"
            for number, source in enumerate(ways)
        )
        return [
            '<details class="fold wide beside" id="raw-beside"><summary>'
            "By the library and by system calls, side by side</summary>"
            '<div class="ways"><div><h3>By the library</h3>'
            f"{left}</div><div><h3>By system calls: "
            f'<a href="{raw.address}">raw.cc</a></h3>{listing(raw)}</div>'
            "</div></details>"
        ]

    def panel_files(self, lab: str) -> list[str]:
        """Returns the sources of the code panel: the lab's and the quoted."""
        files = self.lab_files(lab)
        text = self._text(f"labs/{lab}/README.md")
        for path in re.findall(
            r"^ *```cpp ((?:common|labs)/[\w./]+)", text, re.M
        ):
            if path not in files:
                files.append(path)
        return files

    def _keep_sources(self, lab: str) -> None:
        """Keeps the sources of a lab as a script for the code panel."""
        data = []
        for path in self.panel_files(lab):
            source = self.sources.get(path)
            code = "\n".join(source.lines)
            data.append({"path": path, "html": fences.placed(code, 1)})
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        self.scripts[
            f"sources/{lab}.js"
        ] = f"ipcBook.addSources({json.dumps(lab)},{text});\n"

    def panel(self, lab: str) -> str:
        """Returns the code panel of a chapter: first of all, links."""
        groups: dict[str, list[str]] = {}
        for path in self.panel_files(lab):
            own = path.startswith(f"labs/{lab}/")
            group = "The lab" if own else "The library"
            group = "Wrong" if "/wrong/" in path else group
            name = posixpath.basename(path)
            groups.setdefault(group, []).append(
                f'<li><a href="{ROOT}source/{path}.html"'
                f' data-path="{path}">{name}</a></li>'
            )
        lists = "".join(
            f'<div class="files{" wrong" * (name == "Wrong")}">'
            f"<h3>{name}</h3><ul>{''.join(items)}</ul></div>"
            for name, items in groups.items()
        )
        return (
            f'<aside class="panel" id="code" aria-label="Sources"'
            f' data-lab="{lab}"><h2>Sources</h2>{lists}</aside>'
        )

    # The front page, navigation, and the pages of sources.

    def front(self) -> str:
        """Returns the front page for Sphinx."""
        total = sum(l.minutes for m in self.modules for l in m.lessons)
        labs = sum(len(m.lessons) for m in self.modules)
        cards, number = [], 1
        for module in self.modules:
            items: list[str] = []
            for lesson in module.lessons:
                place = number + len(items)
                num = f"<span class=num>{place}</span>"
                name = f"<b>{num}{lesson.lab}</b>"
                if lesson.lab in self.labs:
                    href = f"{ROOT}labs/{lesson.lab}.html"
                    name = f'<a href="{href}">{num}{lesson.lab}</a>'
                items.append(
                    f"<li>{name}<span class=question>"
                    f"{html.escape(lesson.question)}</span>"
                    f"<span class=minutes>{lesson.minutes} min</span></li>"
                )
            minutes = sum(lesson.minutes for lesson in module.lessons)
            cards.append(
                f"<section class=module><h2>{html.escape(module.title)}"
                f" <small>{about.describe_minutes(minutes)}</small></h2>"
                f'<ol start="{number}">{"".join(items)}</ol></section>'
            )
            number += len(module.lessons)
        intro = (
            '<p class="lead">Inter-process communication in C++20 on Linux:'
            " small programs that prove what they teach.</p>"
            f'<p class="note">{labs} labs,'
            f" {about.describe_minutes(total)} to read and to do.</p>"
            '<p class="start"><a class="button"'
            f' href="{ROOT}docs/start.html">Start here</a>'
            f'<a class="button quiet" href="{ROOT}labs/{self.labs[0]}.html">'
            f"First lab: {self.labs[0]}</a>"
            f'<a class="button quiet" href="{ROOT}readme.html">What this is'
            "</a></p>"
        )
        others = "".join(
            f'<section class=pages id="{anchor}"><h2>{title}</h2><ul>'
            + "".join(
                f'<li><a href="{ROOT}{name}.html">'
                f"{html.escape(text)}</a></li>"
                for name, text in entries
            )
            + "</ul></section>"
            for title, anchor, entries in self.groups()
        )
        body = f'<div class="modules">{"".join(cards)}</div>'
        body += f'<div class="modules more">{others}</div>'
        out = ["---", "orphan: true", "---", "", "# IPC Labs", ""]
        return "\n".join([*out, *self.put(Chunk(intro + body)), ""])

    def groups(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """Returns (title, anchor, [(page, text), ...]) of the other pages."""
        docs: list[tuple[str, str]] = []
        text = self._text("docs/README.md")
        listed = ["docs/start.md", "docs/README.md"]
        for line in text.splitlines():
            if match := _LISTED.match(line):
                listed.append(_normal(f"docs/{match[2]}"))
        files = [p.file for p in self.pages if p.kind == "doc"]
        for file in dict.fromkeys([*listed, *files]):
            if page := self._by_file.get(file):
                docs.append((page.name, page.title))
        rooms = [
            (p.name, p.file.split("/")[1])
            for p in self.pages
            if p.kind == "room"
        ]
        rooms.append(("source/index", "All sources"))
        projects = sorted(
            (p for p in self.pages if p.kind == "project"),
            key=lambda p: (p.name != "projects/index", p.name),
        )
        if self._index_of_explorations():
            docs.append(("schedulers", "All recorded explorations"))
        titles = {"readme": "About this course", "docs/tour": "A tour of learn"}
        docs = [(name, titles.get(name, title)) for name, title in docs]
        return [
            ("Pages", "pages", docs),
            (
                "Projects",
                "projects",
                [
                    (p.name, upper_first(p.title.removeprefix("Project: ")))
                    for p in projects
                ],
            ),
            ("The library", "library", rooms),
        ]

    def _index_of_explorations(self) -> str:
        """Returns the list of all explorations, for a page of its own."""
        part = _part("scheduler_html")
        found = self.recordings.get("explorations", {})
        every = [one for lab in self.labs for one in found.get(lab, ())]
        if not every or not hasattr(part, "index_section"):
            return ""
        text: str = part.index_section(every)
        return text

    def about_pages(self) -> dict[str, str]:
        """Returns, by address, what pages are about, for the search."""
        return {
            f"labs/{lesson.lab}.html": lesson.question
            for module in self.modules
            for lesson in module.lessons
        }

    def navigation(self) -> str:
        """Returns the links to all pages."""
        out = []
        number = 1
        for module in self.modules:
            out.append(
                f"<h2>{html.escape(module.title)}</h2><ol start={number}>"
            )
            for lesson in module.lessons:
                if lesson.lab in self.labs:
                    href = f"{ROOT}labs/{lesson.lab}.html"
                    out.append(f'<li><a href="{href}">{lesson.lab}</a></li>')
                else:
                    out.append(f"<li>{lesson.lab}</li>")
            number += len(module.lessons)
            out.append("</ol>")
        for title, _, entries in self.groups():
            out.append(f"<h2>{title}</h2><ul>")
            for name, text in entries:
                href = f"{ROOT}{name}.html"
                out.append(f'<li><a href="{href}">{html.escape(text)}</a></li>')
            out.append("</ul>")
        return "".join(out)

    def neighbours(self, page: Page) -> tuple[str | None, str | None]:
        """Returns the labs before and after the one that a page is about."""
        lab = page.name.partition("/")[2]
        if page.kind != "lab":
            return None, None
        place = self.labs.index(lab)
        before = self.labs[place - 1] if place else None
        rest = self.labs[place + 1 : place + 2]
        return before, rest[0] if rest else None

    def source_pages(self) -> Iterator[tuple[str, str, str]]:
        """Yields (name, title, HTML) of each source, and of their list."""
        files = self.all_files()
        folders: dict[str, list[str]] = {}
        for path in files:
            folders.setdefault(posixpath.dirname(path), []).append(path)
            yield f"source/{path}", path, self._source_body(path)
        out = ["<h1>All sources</h1>"]
        for folder, paths in folders.items():
            links = " ".join(
                f'<a href="{ROOT}source/{path}.html">'
                f"{posixpath.basename(path)}</a>"
                for path in paths
            )
            anchor = folder.replace("/", "-") or "top"
            out.append(
                f'<section class="folder" id="{anchor}">'
                f"<h2>{folder or '.'}</h2><p>{links}</p></section>"
            )
        yield "source/index", "All sources", "".join(out)

    def _source_body(self, path: str) -> str:
        source = self.sources.get(path)
        folder = posixpath.dirname(path)
        above = ""
        match = re.match(r"(labs|common|projects)/(\w+)/", path)
        if match:
            page = self._by_file.get(f"{match[1]}/{match[2]}/README.md")
            if page:
                words = {"lab": "the chapter", "room": "the room"}
                what = words.get(page.kind, "the page")
                above = (
                    f'<a href="{ROOT}{page.name}.html">'
                    f"{match[2]}: {what}</a>"
                )
        twins = [
            f'<a href="{ROOT}source/{other}.html">'
            f"{posixpath.basename(other)}</a>"
            for other in self._twins(path)
        ]
        links = " · ".join([above, *twins] if above else twins)
        name = posixpath.basename(path)
        return (
            f"<h1><small>{folder}/</small>{name}</h1>"
            f'<p class="note">{links}</p>{source.page()}'
        )

    def _twins(self, path: str) -> list[str]:
        """Returns the header, source and test that belong to a file."""
        stem = re.sub(r"(_test)?\.\w+$", "", path)
        found = [f"{stem}{end}" for end in (".h", ".cc", "_test.cc")]
        return [
            other
            for other in found
            if other != path
            and (self.root / other).is_file()
            and (self.is_whole or other in self.linked)
        ]

    def stage(self, folder: pathlib.Path) -> None:
        """Fills Sphinx's source folder."""
        self.sources.read_ahead(self.all_files())
        for page in self.pages:
            file = folder / f"{page.name}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.staged(page), encoding="utf-8")
        (folder / "index.md").write_text(self.front(), encoding="utf-8")
        if text := self._index_of_explorations():
            lines = [
                "---",
                "orphan: true",
                "---",
                "",
                "# Recorded explorations",
            ]
            page_text = "\n".join([*lines, *self.put(Chunk(text)), ""])
            (folder / "schedulers.md").write_text(page_text, encoding="utf-8")
        told = json.dumps(self.about_pages(), ensure_ascii=False)
        self.scripts[
            "about.js"
        ] = f"(window.ipcBook = window.ipcBook || {{}}).about = {told};\n"


def listing(source: Source) -> str:
    """Returns a whole source with the numbers of its lines."""
    rows = "".join(f"<span>{line}\n</span>" for line in source.lines)
    return (
        '<pre class="listing" tabindex="0" role="group"'
        f' aria-label="{html.escape(source.name)}"><code>{rows}</code></pre>'
    )
