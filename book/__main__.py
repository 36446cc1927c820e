"""Builds the book and opens it, or writes it to a folder.

    python3 -m book                        # into the cache, and opens it
    python3 -m book --out=<folder>         # only writes it
    python3 -m book --labs=pipes,condition --no-recordings
"""

import argparse
import functools
import http.server
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from book import build as building
from harness import program


class _Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> Any:
        self.exit(2, f"book: {message}\n")


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and is quiet about it."""

    def log_message(self, format: str, *args: Any) -> None:
        # pylint: disable=redefined-builtin
        pass


def cache_folder() -> pathlib.Path:
    """Returns where the book lies that a user reads."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser() / "ipc_labs" / "book"


def serve(folder: pathlib.Path) -> None:
    """Serves a folder on loopback until Ctrl-C."""
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        port = server.server_address[1]
        print(
            f"The book: http://127.0.0.1:{port}/ (Ctrl-C ends it)", flush=True
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def open_or_serve(folder: pathlib.Path) -> None:
    """Shows a book where there is a desktop; serves it where there is none."""
    has_desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    opener = shutil.which("xdg-open")
    page = folder / "index.html"
    if has_desktop and opener:
        if subprocess.run([opener, str(page)], check=False).returncode == 0:
            print(f"The book: {page}")
            return
    serve(folder)


def _recordings(root: pathlib.Path, labs: Sequence[str] | None) -> Any:
    """Records runs and explorations of these labs, or of all."""
    # pylint: disable-next=import-outside-toplevel
    from book import recordings

    every = sorted(file.parent.name for file in root.glob("labs/*/README.md"))
    return recordings.record(root, labs or every, _tell)


def _tell(text: str) -> None:
    print(f"book: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Builds the book; returns an exit status."""
    parser = _Parser(
        prog="book",
        description="Builds the book of the course.",
        allow_abbrev=False,
    )
    parser.add_argument("--out", help="the folder to write it to")
    parser.add_argument("--labs", help="only these: pipes,condition")
    parser.add_argument(
        "--no-recordings",
        action="store_true",
        help="without recorded runs and explorations",
    )
    options = parser.parse_args(arguments)
    root = building.root_of_tree()
    labs = options.labs.split(",") if options.labs else None
    out = cache_folder()
    if options.out is not None:
        # Relative to where the user is, not to where Bazel runs this.
        where = os.environ.get("BUILD_WORKING_DIRECTORY", ".")
        out = pathlib.Path(where, pathlib.Path(options.out).expanduser())
        if not options.out:
            parser.error("--out needs a folder")
    try:
        building.check_start(root, out, labs)
        recordings = None if options.no_recordings else _recordings(root, labs)
        building.build(root, out, recordings, labs)
        if options.out is None:
            open_or_serve(out)
        else:
            print(f"The book: {out / 'index.html'}")
    except building.CannotBuild as error:
        print(f"book: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("book: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    program.start("book", main)
