"""A wrong variant against the same program, mended, as a diff."""

import difflib
from collections.abc import Iterator

from book.sources import Source

_CONTEXT = 3
_STYLES = {"-": "del", "+": "ins", " ": "same", "...": "gap"}


def _rows(old: Source, new: Source) -> Iterator[tuple[str, str]]:
    """Yields (mark, HTML of the line)."""
    matcher = difflib.SequenceMatcher(
        None, old.text.splitlines(), new.text.splitlines(), autojunk=False
    )
    for number, group in enumerate(matcher.get_grouped_opcodes(_CONTEXT)):
        if number:
            yield "...", ""
        for what, i1, i2, j1, j2 in group:
            if what == "equal":
                yield from ((" ", line) for line in new.lines[j1:j2])
                continue
            yield from (("-", line) for line in old.lines[i1:i2])
            yield from (("+", line) for line in new.lines[j1:j2])


def table(old: Source, new: Source, label: str) -> str:
    """Returns a unified diff; what is taken out of `old` is the defect."""
    rows = "".join(
        f"<span class={_STYLES[mark]}>{mark} {line}\n</span>"
        for mark, line in _rows(old, new)
    )
    return (
        f'<pre class="diff" tabindex="0" role="group" aria-label="{label}">'
        f"<code>{rows}</code></pre>"
    )
