"""Tests the site: fences, links, tags, differences, names, no address outside.

The whole book is built only where Sphinx and MyST are installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import pathlib
import re
import tempfile
import unittest
import unittest.mock
from typing import Any, ClassVar

from harness import results

_MODULES = ("sphinx", "myst_parser", "pygments")
_MISSING = [name for name in _MODULES if not importlib.util.find_spec(name)]
if not _MISSING:
    from book import __main__ as command
    from book import build as building
    from book import check, diffs, fences
    from book.names import Names, declarations
    from book.site import BadTree, Site, modules
    from book.sources import ROOT, Linker, Source, highlight

_LABS = ["pipes", "condition", "deadlock"]
_PAGE_BYTES = 300_000


def _text_of(markup: str) -> str:
    """Returns what a reader sees of HTML."""
    text = re.sub(r"<[^>]+>", "", markup)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, sign)
    return text


def _source(text: str, path: str = "labs/x/main.cc") -> Source:
    return Source(path, text, tuple(highlight(text, ".cc")))


@unittest.skipIf(_MISSING, f"not installed: {_MISSING}")
class NamesTest(unittest.TestCase):
    """What the headers declare."""

    def test_declarations_are_found_with_their_lines(self) -> None:
        text = """#pragma once
namespace ipc {
inline constexpr int kMost = 3;
class Later;
template <typename T, int N = (1 > 2)>
class Box final : public Base<T> {
  int hidden() { return 1; }
 public:
  Box() : value_{1}, other_{2} {}
  template <typename F>
  [[nodiscard]] bool wait(F f = [](int x) { return x; });
  enum class Kind { small, large = 2 };
 private:
  int value_;
};
enum class Status : int { ok, closed };
std::string describe(int status);
using Names = std::vector<int>;
namespace inner {
struct Part {};
}  // namespace inner
}  // namespace ipc
"""
        found = {name: line for name, line, _ in declarations(text)}
        wanted = {
            "kMost": 3,
            "Box": 6,
            "Box::Box": 9,
            "Box::wait": 11,
            "Box::Kind": 12,
            "Box::Kind::small": 12,
            "Box::Kind::large": 12,
            "Status": 16,
            "Status::ok": 16,
            "Status::closed": 16,
            "describe": 17,
            "Names": 18,
            "inner::Part": 20,
        }
        self.assertEqual({n: found.get(n) for n in wanted}, wanted)
        self.assertNotIn("Later", found)
        self.assertNotIn("Box::hidden", found)
        self.assertNotIn("Box::value_", found)

    def test_all_names_that_labs_use_are_known(self) -> None:
        root = building.root_of_tree()
        names = Names.read(root)
        unknown = set()
        for file in (root / "labs").glob("*/README.md"):
            for name in re.findall(
                r"\bipc::\w+(?:::\w+)*", file.read_text(encoding="utf-8")
            ):
                if names.find(name) is None:
                    unknown.add(name)
        self.assertEqual(unknown, set())

    def test_a_name_leads_to_the_line_that_declares_it(self) -> None:
        root = building.root_of_tree()
        names = Names.read(root)
        for name, word in (
            ("ipc::Condition", "class Condition"),
            ("ipc::Condition::wait_until", "wait_until("),
            ("ipc::Process::spawn", "spawn("),
            ("ipc::managed::Dict", "Dict"),
            ("ipc::kRecheckSeconds", "kRecheckSeconds"),
            ("ipc::Pool::map", " map("),
        ):
            place = names.find(name)
            assert place is not None, name
            lines = (root / place.path).read_text(encoding="utf-8").split("\n")
            self.assertIn(word, lines[place.line - 1])

    def test_the_longest_known_part_of_a_name_counts(self) -> None:
        names = Names.read(building.root_of_tree())
        self.assertEqual(
            names.find("ipc::Condition::no_such_thing"),
            names.find("ipc::Condition"),
        )
        self.assertIsNone(names.find("ipc::NoSuchThing"))


@unittest.skipIf(_MISSING, f"not installed: {_MISSING}")
class SourcesTest(unittest.TestCase):
    """Highlighted lines, tags and links."""

    names: ClassVar[Names]

    @classmethod
    def setUpClass(cls) -> None:
        cls.names = Names.read(building.root_of_tree())

    def test_highlighting_keeps_the_text_and_its_lines(self) -> None:
        text = (
            "// A <comment> & more\n#include <x.h>\n\nint main() {\n"
            '  const char* s = R"(one\ntwo)";  // ipc::Lock\n}\n'
        )
        lines = highlight(text, ".cc", Linker(self.names))
        self.assertEqual("\n".join(map(_text_of, lines)), text)
        for line in lines:
            self.assertEqual(line.count("<i "), line.count("</i>"))

    def test_library_names_link_to_their_headers(self) -> None:
        text = "using ipc::Process;\nProcess p;\nipc::say(x);\nx.Process();\n"
        linker = Linker.of(self.names, "labs/x/main.cc", text)
        lines = highlight(text, ".cc", linker)
        self.assertIn(f'<a href="{ROOT}source/common/process/', lines[1])
        self.assertIn(f'<a href="{ROOT}source/common/report/', lines[2])
        self.assertNotIn("<a ", lines[3])

    def test_no_name_is_linked_in_a_string(self) -> None:
        line = highlight('f("ipc::Lock");', ".cc", Linker(self.names))[0]
        self.assertNotIn("<a ", line)

    def test_a_listing_is_located_by_its_tag(self) -> None:
        source = _source("a();\nif (x) {\n  b();  // [twice]\n}\nb();\n")
        self.assertEqual(source.tags(), {"twice": 3})
        self.assertEqual(source.locate(["b();"], "twice"), (3, 3))
        self.assertEqual(source.locate(["if (x) {", "  b();"], ""), (2, 3))
        self.assertIsNone(source.locate(["c();"], ""))

    def test_a_page_has_an_anchor_for_each_line_and_tag(self) -> None:
        page = _source("a();\nb();  // [here]\n").page()
        self.assertIn("id=L1>", page)
        self.assertIn("id=L2>", page)
        self.assertIn('id="tag-here"', page)


@unittest.skipIf(_MISSING, f"not installed: {_MISSING}")
class FencesTest(unittest.TestCase):
    """Fenced blocks."""

    def test_a_transcript_keeps_its_text_and_sets_the_command_apart(
        self,
    ) -> None:
        body = ["$ ./bazelw run //labs:x", "Main: Got <n> & more", "...", "^C"]
        shown = fences.transcript(body, False)
        self.assertIn("<kbd>./bazelw run //labs:x</kbd>", shown)
        self.assertIn("<var>&lt;n&gt;</var>", shown)
        self.assertIn("<b>Main:</b>", shown)
        self.assertEqual(_text_of(shown), "\n".join(body))
        self.assertIn("any order", fences.transcript(body, True))

    def test_a_trace_keeps_its_text(self) -> None:
        body = [
            "$ strace -f bazel-bin/labs/x/raw",
            '[pid 1] read(<reader>, "a \\"=\\" <b>", 1) = 1',
            "[pid 2] <... futex resumed>)          = 0",
            "[pid 3] close(3 <unfinished ...>",
        ]
        shown = fences.trace(body)
        self.assertEqual(_text_of(shown), "\n".join(body))
        self.assertIn("<i class=f>read</i>", shown)

    def test_commands_keep_their_text(self) -> None:
        body = ["./x --a=#b   # a comment", "# another"]
        shown = fences.shell(body)
        self.assertEqual(_text_of(shown), "\n".join(body))
        self.assertIn("<i class=c># a comment</i>", shown)

    def test_a_listing_links_to_its_place(self) -> None:
        source = _source("a();\nb();  // [here]\nc();\n")
        linker = Linker(Names({}))
        shown = fences.listing(source, "here", ["b();"], linker)
        self.assertIn("source/labs/x/main.cc.html#tag-here", shown)
        self.assertIn('data-file="labs/x/main.cc" data-lines="2-2"', shown)
        shown = fences.listing(source, "", ["b();", "c();"], linker)
        self.assertIn("main.cc.html#L2", shown)
        self.assertIn('data-lines="2-3"', shown)


@unittest.skipIf(_MISSING, f"not installed: {_MISSING}")
class DiffsTest(unittest.TestCase):
    """Wrong against right."""

    right = "int a() {\n  lock();\n  work(1);\n  work(2);\n  unlock();\n}\n"
    wrong = "int a() {\n  work(1);\n  work(2);\n}\n"

    def test_what_is_missing_is_put_in(self) -> None:
        wrong, right = _source(self.wrong), _source(self.right)
        shown = diffs.table(wrong, right, "x")
        self.assertEqual(shown.count("<span class=ins>"), 2)
        self.assertEqual(shown.count("<span class=del>"), 0)
        self.assertIn("+   lock();", _text_of(shown))


@unittest.skipIf(_MISSING, f"not installed: {_MISSING}")
class TreeTest(unittest.TestCase):
    """What is read of the tree."""

    def test_the_modules_have_all_labs(self) -> None:
        root = building.root_of_tree()
        found = {x.lab for m in modules(root) for x in m.lessons}
        labs = {file.parent.name for file in root.glob("labs/*/README.md")}
        self.assertEqual(found, labs)

    def test_an_unknown_lab_is_refused(self) -> None:
        with self.assertRaisesRegex(BadTree, "there is no lab nonsense"):
            Site(building.root_of_tree(), ["nonsense"])


@unittest.skipIf(_MISSING, f"not installed: {_MISSING}")
class StagingTest(unittest.TestCase):
    """What Sphinx gets."""

    site: ClassVar[Site]

    @classmethod
    def setUpClass(cls) -> None:
        cls.site = Site(building.root_of_tree(), None)

    def page(self, name: str) -> Any:
        """Returns a page by its name."""
        return next(page for page in self.site.pages if page.name == name)

    def test_links_lead_into_the_site(self) -> None:
        page = self.page("labs/pipes")
        for target, address in (
            ("../isolation/README.md", "book:labs/isolation.html"),
            ("../isolation/README.md#why", "book:labs/isolation.html#why"),
            (
                "../../docs/README.md#wrong-variants",
                "book:docs/index.html#wrong-variants",
            ),
            ("raw.cc", "book:source/labs/pipes/raw.cc.html"),
            ("../../common/sync", "book:rooms/sync.html"),
            ("../../common/sync/lock.h", "book:source/common/sync/lock.h.html"),
            ("#why", "book:labs/pipes.html#why"),
            ("https://example.org/x", "https://example.org/x"),
        ):
            self.assertEqual(self.site.address(page, target), address)

    def test_a_dead_link_is_refused(self) -> None:
        with self.assertRaisesRegex(BadTree, "README.md: link to .*none.cc"):
            self.site.address(self.page("labs/pipes"), "none.cc")

    def test_code_in_a_sentence_links_to_its_declaration(self) -> None:
        page = self.page("labs/condition")
        shown = self.site.inline(page, "ipc::Condition changed, an ipc::Lock")
        self.assertEqual(shown.count("<a "), 2)
        self.assertIn("common/sync/condition.h.html#L", shown)
        self.assertIn("<a ", self.site.inline(page, "Condition"))
        self.assertNotIn("<a ", self.site.inline(page, "Main: PASS"))

    def test_every_wrong_variant_stands_where_it_is_told_of(self) -> None:
        for lab in ("pipes", "condition", "mechanisms"):
            self.site.chunks.clear()
            text = self.site.staged(self.page(f"labs/{lab}"))
            shown = "".join(c.html for c in self.site.chunks.values())
            root = self.site.root / "labs" / lab / "wrong"
            for file in root.glob("*.cc"):
                self.assertEqual(shown.count(f'id="wrong-{file.stem}"'), 1)
                # One knows before it is unfolded what it gives away.
                name = f"<code>{file.stem}</code>"
                self.assertIn(f"<summary>Answer: {name}, mended<", shown)
            section = text.partition("## What goes wrong")[2]
            item = section.partition("\n- `")[2]
            self.assertIn("  ```{book}", item)


@unittest.skipIf(_MISSING, f"not installed: {_MISSING}")
class BuildTest(unittest.TestCase):
    """A book of a few labs."""

    folder: ClassVar[pathlib.Path]

    @classmethod
    def setUpClass(cls) -> None:
        # pylint: disable-next=consider-using-with
        place = tempfile.TemporaryDirectory(prefix="book-test-")
        cls.addClassCleanup(place.cleanup)
        cls.folder = pathlib.Path(place.name) / "out"
        recordings = {
            "runs": {},
            "explorations": {"pipes": []},
            "recorded": {"date": "2026-01-01", "machine": "none"},
        }
        building.build(building.root_of_tree(), cls.folder, recordings, _LABS)

    def read(self, name: str) -> str:
        """Returns the text of a file of the book."""
        return (self.folder / name).read_text(encoding="utf-8")

    def test_no_page_loads_anything_from_outside(self) -> None:
        found = [p for p in check.problems(self.folder) if "loads" in p]
        self.assertEqual(found, [])

    def test_chapters_have_no_dead_link_but_to_labs_left_out(self) -> None:
        left_out = re.compile(r"link to (\.\./)*source/(labs|projects|common)/")
        found = [
            problem
            for problem in check.problems(self.folder)
            if not left_out.search(problem)
        ]
        self.assertEqual(found, [])

    def test_pages_are_small(self) -> None:
        for file in self.folder.rglob("*.html"):
            self.assertLess(file.stat().st_size, _PAGE_BYTES, file.name)

    def test_no_path_of_this_machine_is_told(self) -> None:
        root = str(building.root_of_tree().resolve())
        for file in self.folder.rglob("*"):
            if file.suffix in (".html", ".js", ".css"):
                text = file.read_text(encoding="utf-8")
                self.assertNotIn(root, text, file.name)
                self.assertNotIn(tempfile.gettempdir() + "/book-", text)

    def test_nothing_stands_for_the_root_any_more(self) -> None:
        for file in self.folder.rglob("*.html"):
            self.assertNotIn(ROOT, file.read_text(encoding="utf-8"))

    def test_a_chapter_has_its_parts(self) -> None:
        page = self.read("labs/condition.html")
        for part in (
            'id="question"',
            'id="wrong-one_woken"',
            'id="raw-beside"',
            'class="panel"',
            'rel="prev"',
            'data-file="labs/condition/list.cc"',
            "source/common/sync/condition.h.html#L",
        ):
            self.assertIn(part, page)
        self.assertNotIn("<details open", page.partition('id="try"')[2])

    def test_the_sources_of_the_panel_are_those_of_the_tree(self) -> None:
        self.assertTrue(
            self.read("_static/sources/pipes.js").startswith(
                'ipcBook.addSources("pipes",[{"path":"labs/pipes/main.cc"'
            )
        )

    def test_the_search_finds_code(self) -> None:
        self.assertIn("notify_on", self.read("searchindex.js"))

    def test_a_book_is_replaced_and_nothing_else(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            other = pathlib.Path(name)
            (other / "mine.txt").write_text("mine", encoding="utf-8")
            with self.assertRaisesRegex(building.CannotBuild, "is no book"):
                building.check_place(other)
        building.check_place(self.folder)


@unittest.skipIf(_MISSING, f"not installed: {_MISSING}")
class CommandTest(unittest.TestCase):
    """The command line."""

    def refused(self, *arguments: str) -> str:
        """Runs the command, and returns its line of complaint."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            try:
                status = command.main(arguments)
            except SystemExit as end:
                status = int(str(end.code))
        self.assertNotEqual(status, 0)
        self.assertEqual(said.getvalue().count("\n"), 1, said.getvalue())
        return said.getvalue()

    def test_bad_input_is_refused_in_a_line(self) -> None:
        self.assertIn("--nonsense", self.refused("--nonsense"))
        self.assertIn("--out", self.refused("--out="))
        self.assertIn(
            "no lab x",
            self.refused("--labs=x", "--no-recordings", "--out=/tmp/none"),
        )
        self.assertIn(
            "is not a folder",
            self.refused(f"--out={__file__}", "--no-recordings"),
        )

    def test_the_cache_is_the_users(self) -> None:
        with unittest.mock.patch.dict(os.environ, {"XDG_CACHE_HOME": "/x"}):
            self.assertEqual(str(command.cache_folder()), "/x/ipc_labs/book")


if __name__ == "__main__":
    results.main()
