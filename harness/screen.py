"""What the harness's own programs print: lines, and what is going on."""

import os
from typing import IO


def is_terminal(out: IO[str]) -> bool:
    """Whether the output is a terminal on which lines can be replaced."""
    return out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Screen:
    """Prints lines, and on a terminal a last one that says what is going on."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._live = is_terminal(out)
        self._status = ""

    def paint(self, colour: str, text: str) -> str:
        """Returns the text in a colour, if this is a terminal that has any."""
        if not self._live or "NO_COLOR" in os.environ:
            return text
        code = {"good": "32", "bad": "31;1", "faint": "2", "bold": "1"}[colour]
        return f"\x1b[{code}m{text}\x1b[0m"

    def line(self, text: str = "") -> None:
        """Prints a line for good."""
        clear = "\r\x1b[K" if self._status else ""
        self._out.write(f"{clear}{text}\n{self._status}")
        self._out.flush()

    def status(self, text: str = "") -> None:
        """Replaces the line that says what is going on."""
        if not self._live:
            return
        try:
            columns = os.get_terminal_size(self._out.fileno()).columns or 80
        except OSError:
            columns = 80
        self._status = self.paint("faint", text[: columns - 1]) if text else ""
        self._out.write(f"\r\x1b[K{self._status}")
        self._out.flush()
