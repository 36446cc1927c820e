"""A wrong variant against a right source, as a diff."""

import difflib
import re
from collections.abc import Iterator, Sequence

from book.sources import Source

# Less than this in common, and a diff says nothing: they are two programs.
ALIKE = 0.55
_CONTEXT = 3
_FRAME = frozenset(("", "{", "}", "};", "});", "return 0;"))


def core(text: str) -> list[str]:
    """Returns the lines of a program that say what it does."""
    lines = (re.sub(r"\s*//.*", "", line).strip() for line in text.splitlines())
    return [
        line
        for line in lines
        if line not in _FRAME and not line.startswith("#include")
    ]


def likeness(one: str, other: str) -> float:
    """Returns how much of two programs is the same, from 0 to 1."""
    return difflib.SequenceMatcher(
        None, core(one), core(other), autojunk=False
    ).ratio()


def counterpart(wrong: Source, rights: Sequence[Source]) -> Source | None:
    """Returns the right source that a wrong one is most like, if it is."""
    best = max(
        rights, key=lambda right: likeness(wrong.text, right.text), default=None
    )
    if best is None or likeness(wrong.text, best.text) < ALIKE:
        return None
    return best


def _rows(
    old: Source, new: Source
) -> Iterator[tuple[str, int | None, int | None, str]]:
    """Yields (mark, number in old, number in new, HTML of the line)."""
    matcher = difflib.SequenceMatcher(
        None, old.text.splitlines(), new.text.splitlines(), autojunk=False
    )
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        yield "@", group[0][1] + 1, group[0][3] + 1, ""
        for what, i1, i2, j1, j2 in group:
            if what == "equal":
                for i, j in zip(range(i1, i2), range(j1, j2)):
                    yield " ", i + 1, j + 1, new.lines[j]
                continue
            for i in range(i1, i2):
                yield "-", i + 1, None, old.lines[i]
            for j in range(j1, j2):
                yield "+", None, j + 1, new.lines[j]


def table(
    old: Source, new: Source, label: str, has_numbers: bool = True
) -> str:
    """Returns a unified diff; what is taken out of `old` is the defect."""
    rows = []
    styles = {"-": "del", "+": "ins", " ": "same"}
    for mark, i, j, line in _rows(old, new):
        if mark == "@":
            where = f" line {i}" if has_numbers else ""
            rows.append(f"<span class=gap>@@{where} @@\n</span>")
            continue
        number = f"<s>{i or '':>4}{j or '':>5}</s> " if has_numbers else ""
        rows.append(
            f"<span class={styles[mark]}>{number}{mark} {line}\n</span>"
        )
    return (
        f'<pre class="diff" tabindex="0" role="group" aria-label="{label}">'
        f"<code>{''.join(rows)}</code></pre>"
    )
