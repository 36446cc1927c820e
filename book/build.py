"""Builds the book: a static site that opens from a folder.

    build(root, out)          # of the tree at root, into the folder out
"""

import datetime
import importlib
import importlib.util
import io
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from book import check, scheduler_html
from harness import about, exercises

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = "python3-sphinx python3-myst-parser"
# Written into each book, so that only a book is ever replaced.
MARK = ".ipc_labs_book"
_UNUSED = (
    *("_sphinx_javascript_frameworks_compat.js", "jquery.js", "underscore.js"),
    *("basic.css", "pygments.css", "file.png", "minus.png", "plus.png"),
)


class CannotBuild(Exception):
    """The book was not built; says why, in a line."""


def root_of_tree() -> pathlib.Path:
    """Returns the tree of `bazel run`, or the one that this file is in."""
    name = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    root = pathlib.Path(name) if name else HERE.parent
    if not (root / "docs/README.md").is_file():
        # A symbolic link of a runfiles folder leads out of it.
        root = pathlib.Path(os.path.abspath(__file__)).parent.parent
    return root


def _settings(root: pathlib.Path, site: Any) -> dict[str, Any]:
    theme = root / "book/theme"
    if not theme.is_dir():
        theme = HERE / "theme"
    return {
        "project": "IPC Labs",
        "language": "en",
        "extensions": ["myst_parser", "book.extension"],
        "book_site": site,
        "root_doc": "index",
        "html_theme": "theme",
        "html_theme_path": [str(theme.parent)],
        "html_title": "IPC Labs",
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_search_summary": False,
        "html_use_index": False,
        "html_domain_indices": False,
        "html_permalinks_icon": "#",
        "html_use_opensearch": "",
        "smartquotes": False,
        "myst_url_schemes": ["http", "https", "mailto", "book"],
        "suppress_warnings": [
            # The value of book_site changes with each build.
            "config.cache",
            # Code in a fence is highlighted by sources.py.
            "misc.highlighting_failure",
        ],
    }


def _sphinx(root: pathlib.Path, out: pathlib.Path, site: Any) -> None:
    application = importlib.import_module("sphinx.application")
    errors = importlib.import_module("sphinx.errors")
    with tempfile.TemporaryDirectory(prefix="book-") as name:
        folder = pathlib.Path(name)
        site.stage(folder / "src")
        warnings = io.StringIO()
        app = application.Sphinx(
            srcdir=str(folder / "src"),
            confdir=None,
            outdir=str(folder / "html"),
            doctreedir=str(folder / "doctrees"),
            buildername="html",
            confoverrides=_settings(root, site),
            status=None,
            warning=warnings,
            warningiserror=True,
            keep_going=True,
            freshenv=True,
            parallel=os.cpu_count() or 1,
        )
        try:
            app.build(force_all=True)
        except errors.SphinxError as error:
            raise CannotBuild(f"Sphinx: {error}") from error
        if app.statuscode:
            text = warnings.getvalue().replace(f"{folder}/src/", "")
            raise CannotBuild(f"Sphinx warns: {text.strip()}")
        _add_files(root, folder / "html", site)
        _replace(folder / "html", out)


def _add_files(root: pathlib.Path, html: pathlib.Path, site: Any) -> None:
    static = html / "_static"
    for name in _UNUSED:
        (static / name).unlink(missing_ok=True)
    for name in (".buildinfo", "objects.inv"):
        (html / name).unlink(missing_ok=True)
    others = root / "book/static"
    if others.is_dir():
        shutil.copytree(others, static, dirs_exist_ok=True)
    # The harness's reports have the same sequence diagrams.
    shutil.copyfile(root / "harness/diagram.css", static / "diagram.css")
    for name, text in site.scripts.items():
        file = static / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for name, path in site.copies.items():
        file = html / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, file)
    recordings = site.recordings
    for lab, found in recordings.get("explorations", {}).items():
        file = static / "explorations" / f"{lab}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        data = scheduler_html.data_script(lab, found, recordings["recorded"])
        file.write_text(data, encoding="utf-8")
    date = datetime.date.today().isoformat()
    (html / MARK).write_text(f"{date}\n", encoding="utf-8")


def check_place(out: pathlib.Path) -> None:
    """Sees whether a book may be written to a folder.

    Raises:
      CannotBuild: there is something else.
    """
    if out.exists() and not out.is_dir():
        raise CannotBuild(f"{out} is not a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise CannotBuild(f"{out} is not empty, and is no book")


def _replace(new: pathlib.Path, out: pathlib.Path) -> None:
    """Puts the book where it belongs; replaces a book, and nothing else."""
    try:
        for entry in out.iterdir() if out.is_dir() else ():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        shutil.copytree(new, out, dirs_exist_ok=True)
    except OSError as error:
        raise CannotBuild(f"{out}: {error.strerror or error}") from error


def check_start(
    root: pathlib.Path, out: pathlib.Path, labs: Sequence[str] | None
) -> None:
    """Sees at once whether a book can be built; raises CannotBuild."""
    for name in ("sphinx", "myst_parser", "pygments"):
        if importlib.util.find_spec(name) is None:
            raise CannotBuild(f"{name} is missing: install {PACKAGES}")
    for lab in labs or ():
        if not (root / "labs" / lab / "README.md").is_file():
            raise CannotBuild(f"there is no lab {lab}")
    check_place(out)


def build(
    root: pathlib.Path,
    out: pathlib.Path,
    recordings: Mapping[str, Any] | None = None,
    labs: Sequence[str] | None = None,
) -> None:
    """Builds the book of a tree into a folder.

    recordings: {"runs": {lab: [run, ...]}, "explorations": {lab: [...]},
        "recorded": {"date": ..., "machine": ...}}, or none.
    labs: only these; for a quick look.

    Raises:
      CannotBuild: something is missing, or a file is not as it must be.
    """
    check_start(root, out, labs)
    # Not before, since it needs Pygments.
    parts = importlib.import_module("book.site")
    try:
        site = parts.Site(root, labs, recordings)
        _sphinx(root, out, site)
    except (parts.BadTree, about.Malformed, exercises.Wrong) as error:
        raise CannotBuild(str(error)) from error
    found = list(check.problems(out)) if labs is None else []
    if found:
        raise CannotBuild("\n".join(["links are dead:", *found]))
