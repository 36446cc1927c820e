"""Shows the table of docs/death.md as pictures.

A row of the table says what the other processes see when a process dies at some
place. From its words follow three things, by the rules below:

    fate        a process dies; or it is only stopped, stuck, or throws
    outcome     what becomes of the others: see Outcome
    loss        whether something is lost

The words of the row stand below each picture, so that a picture only sums up. A
row to which no rule applies raises Unclassified, and a test of the real table
shows that: whoever adds a row says in a rule what it is.
"""

import dataclasses
import enum
import re
from collections.abc import Sequence

from book.pictures import escape, svg


class Unclassified(ValueError):
    """A row of the table for which there is no rule."""


class Outcome(enum.Enum):
    """What becomes of the other processes; the value is its words."""

    GOES_ON = "go on"
    TOLD = "are told"
    SOON = "go on, or are told, after a while"
    BROKEN = "find it broken"
    STUCK = "are not told, and may wait"
    DIE_TOO = "die too"


_MEANING = {
    Outcome.GOES_ON: "they work as before, or another does it instead",
    Outcome.TOLD: "at once, by a status, an error or an exception",
    Outcome.SOON: "a wait looks again, most often after 100 ms",
    Outcome.BROKEN: "what they shared cannot be used any more",
    Outcome.STUCK: "nothing says that the process is dead",
    Outcome.DIE_TOO: "the kernel, or a parent, ends them",
}

# The first pattern that is found in "what the others see" decides. What kills
# goes before what only delays, and what is told before what goes on.
_RULES: tuple[tuple[str, Outcome], ...] = (
    (
        r"kernel kills|killed all the same|Main and its children die",
        Outcome.DIE_TOO,
    ),
    (r"actors die with it|FAIL Main was killed", Outcome.DIE_TOO),
    (r"barrier is broken|every call fails|all stages end", Outcome.BROKEN),
    (r"ManagerGone", Outcome.BROKEN),
    (r"cannot know this|not told|permits do not come back", Outcome.STUCK),
    (r"event is not set|keeps the next server from", Outcome.STUCK),
    (r"calls without a deadline wait for it", Outcome.STUCK),
    (r"within 100 ms|100 ms longer|two ticks|10 to 12 s", Outcome.SOON),
    (r"heartbeat is late|limit_s|session timeout|0\.2 s later", Outcome.SOON),
    (r"refused when it continues", Outcome.TOLD),
    (r"owner_died|As for Lock|as for Lock", Outcome.TOLD),
    (r"pidfd becomes readable|end of file|EPIPE|`closed`", Outcome.TOLD),
    (r"`truncated`|WorkerDied|gets `died`|CallFailed", Outcome.TOLD),
    (r"supervisor restarts it or not", Outcome.TOLD),
    (r"^nothing|left alone|same for each thread", Outcome.GOES_ON),
    (r"never seen|stays? in the (queue|ring)", Outcome.GOES_ON),
    (r"no name, and so never|object stays|memory stays", Outcome.GOES_ON),
    (r"^it stays|complete old contents|file as the writer", Outcome.GOES_ON),
    (r"go to other consumers|answer is dropped", Outcome.GOES_ON),
    (r"leaves the queue of waiters", Outcome.GOES_ON),
)
_NOT_LOST = r"^nothing($|[;,:])"


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table."""

    primitive: str
    link: str
    who: str
    seen: str
    lost: str
    shown_by: str

    @property
    def outcome(self) -> Outcome:
        """What becomes of the others.

        Raises:
          Unclassified: no rule applies.
        """
        for pattern, outcome in _RULES:
            if re.search(pattern, self.seen):
                return outcome
        raise Unclassified(
            f"book/deaths.py has no rule for this row of docs/death.md: "
            f"{self.primitive}, {self.who}: {self.seen}"
        )

    @property
    def loses(self) -> bool:
        """Whether something is lost."""
        return not re.search(_NOT_LOST, self.lost)

    @property
    def fate(self) -> str:
        """What has become of the process itself: "dies", "is stopped", ..."""
        if re.search(r"stopped", self.who):
            return "is stopped"
        if re.search(r"makes no progress", self.who):
            return "is stuck"
        return "throws" if self.who.startswith("no process") else "dies"


def rows(text: str) -> list[Row]:
    """Returns the rows of the table in the text of docs/death.md."""
    found: list[Row] = []
    for line in text.splitlines():
        cells = _cells(line)
        if len(cells) != 5 or cells[0] == "primitive" or set(cells[0]) == {"-"}:
            continue
        name = re.fullmatch(r"\[([^\]]+)\]\(([^)]+)\)", cells[0])
        primitive, link = (name[1], name[2]) if name else ("", "")
        if not primitive:
            primitive, link = found[-1].primitive, found[-1].link
        who, seen, lost, shown_by = cells[1:]
        found.append(Row(primitive, link, who, seen, lost, shown_by))
    return found


def _cells(line: str) -> list[str]:
    if not line.startswith("|"):
        return []
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def html(text: str) -> str:
    """Returns the table as pictures: a group for each primitive.

    `text` is that of docs/death.md; links lead where the page's own table has
    them, and so are left to it.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows(text):
        groups.setdefault(row.primitive, []).append(row)
    parts = ['<div class="deaths">', _key()]
    for primitive, own in groups.items():
        items = "".join(f"<li>{_item(row)}</li>" for row in own)
        parts.append(
            f'<section class="deathsrow"><h3>{escape(primitive)}</h3>'
            f"<ul>{items}</ul></section>"
        )
    parts.append("</div>")
    return "\n".join(parts)


def _key() -> str:
    """Returns the outcomes with their pictures."""
    items = (
        "".join(
            f"<li>{svg('death', 52, 44, '', _process(26, 22, _mark(each)))}"
            f'<p><span class="verb">The others {escape(each.value)}:</span> '
            f"{escape(_MEANING[each])}.</p></li>"
            for each in Outcome
        )
        .replace(' role="img"', ' aria-hidden="true"')
        .replace(' aria-label=""', "")
    )
    return (
        '<section class="deathsrow" aria-label="What the pictures mean">'
        f"<ul>{items}</ul></section>"
    )


def _item(row: Row) -> str:
    loss = f"Lost: {row.lost}." if row.loses else "Nothing is lost."
    if not row.loses and row.lost != "nothing":
        loss = f"Lost: {row.lost}."
    return (
        f"{picture(row)}<p>{_words(row.who)}</p>"
        f'<p><span class="verb">The others {escape(row.outcome.value)}.</span> '
        f"{_words(row.seen)}.</p>"
        f'<p class="key">{_words(loss, plain=True)}</p>'
    )


def _words(text: str, plain: bool = False) -> str:
    """Returns a cell of the table as HTML: its `code` as code."""
    shown = text if plain else text[:1].upper() + text[1:]
    if text.startswith("`"):
        shown = text
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(shown))


def picture(row: Row) -> str:
    """Returns the picture of a row: who dies, the object, the others."""
    outcome = row.outcome
    label = (
        f"{row.primitive}: a process {row.fate}; the others {outcome.value}; "
        f"{'something' if row.loses else 'nothing'} is lost."
    )
    broken = outcome is Outcome.BROKEN
    parts = [
        '<path d="M46 32H62M178 32H194" class="edge"/>',
        _process(26, 32, _fate_mark(row.fate), "dead"),
        f'<rect x="64" y="14" width="112" height="36" rx="4" class="object"/>'
        f'<text x="120" y="36">{escape(row.primitive)}</text>',
        _process(214, 32, _mark(outcome)),
        f'<text x="26" y="72">{escape(row.fate)}</text>',
        f'<text x="206" y="72">{escape(_SHORT[outcome])}</text>',
    ]
    if broken:
        parts.append('<path d="M160 6l8 14-10 8 10 10-8 18" class="cross"/>')
    if row.loses:
        parts.append(
            '<rect x="92" y="60" width="14" height="14" class="lost"/>'
            '<text x="126" y="72">lost</text>'
        )
    return svg("death", 252, 80, label, "".join(parts))


_SHORT = {
    Outcome.GOES_ON: "go on",
    Outcome.TOLD: "are told",
    Outcome.SOON: "after a while",
    Outcome.BROKEN: "it is broken",
    Outcome.STUCK: "not told",
    Outcome.DIE_TOO: "die too",
}


def _process(x: int, y: int, mark: str, style: str = "") -> str:
    words = f"process {style}".strip()
    return (
        f'<circle cx="{x}" cy="{y}" r="19" class="{words}"/>'
        f'<g transform="translate({x} {y})">{mark}</g>'
    )


_CROSS = '<path d="M-12-12L12 12M12-12L-12 12" class="cross"/>'
_PAUSE = '<path d="M-5-8V8M5-8V8" class="mark"/>'


def _fate_mark(fate: str) -> str:
    marks = {
        "dies": _CROSS,
        "is stopped": _PAUSE,
        "is stuck": '<path d="M-7-9H7L-7 9H7Z" class="mark"/>',
        "throws": '<path d="M2-11L-5 2H5L-2 11" class="mark"/>',
    }
    return marks[fate]


def _mark(outcome: Outcome) -> str:
    """Returns what stands in the circle of the other processes."""
    marks = {
        # An arrow; an exclamation mark; a clock; two halves; a question mark.
        Outcome.GOES_ON: '<path d="M-10 0H8M2-6L9 0 2 6" class="mark"/>',
        Outcome.TOLD: '<path d="M0-11V3" class="mark"/>'
        '<circle cx="0" cy="9" r="2" class="solid"/>',
        Outcome.SOON: '<circle cx="0" cy="0" r="11" class="mark"/>'
        '<path d="M0-7V0L5 4" class="mark"/>',
        Outcome.BROKEN: '<path d="M-3-12l5 8-7 4 7 5-5 8" class="cross"/>',
        Outcome.STUCK: '<path d="M-5-5a5 5 0 1 1 7 5q-2 1-2 4" class="mark"/>'
        '<circle cx="0" cy="10" r="2" class="solid"/>',
        Outcome.DIE_TOO: _CROSS,
    }
    return marks[outcome]


def by_outcome(found: Sequence[Row]) -> dict[Outcome, list[Row]]:
    """Returns the rows of each outcome."""
    sorted_rows: dict[Outcome, list[Row]] = {each: [] for each in Outcome}
    for row in found:
        sorted_rows[row.outcome].append(row)
    return sorted_rows
