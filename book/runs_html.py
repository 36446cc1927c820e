"""Shows recorded runs: the right program beside a wrong one, and a hang."""

from collections.abc import Mapping, Sequence
from typing import Any

from book import pictures
from book.pictures import escape

Run = Mapping[str, Any]

# How a run was caught, as a heading has it.
_BY = {
    "hang": "it hangs",
    "leak": "it leaves something behind",
    "output": "what it says is wrong",
    "outcome": "its outcome is wrong",
    "status": "it ends with an error",
}
_SIGNALS = {6: "SIGABRT", 7: "SIGBUS", 9: "SIGKILL", 11: "SIGSEGV"}


def score(run: Run) -> int:
    """Returns how much a wrong variant shows beside the right program."""
    circle = run["hang"]["circle"] if run["hang"] else []
    if run["variant"].startswith("raw"):
        return 0  # It has no events, so that only its lines are drawn.
    if len(circle) > 1:
        return 5
    if run["hang"]:
        return 4
    if run["beside"]["first_difference"]:
        return 3
    return 2 if run["leaks"] else 1


def shown_first(runs: Sequence[Run]) -> str:
    """Returns the variant that is unfolded; "" if there is none."""
    wrong = [run for run in runs if run["variant"]]
    best = max(wrong, key=score, default=None)
    return str(best["variant"]) if best else ""


def chapter_section(lab: str, runs: Sequence[Run], recorded: str = "") -> str:
    """Returns the section of a chapter that compares right and wrong.

    Args:
      lab: its name.
      runs: what runs.record() returned for it.
      recorded: when and on which machine, in words.
    """
    wrong = [run for run in runs if run["variant"]]
    if not wrong:
        return ""
    first = shown_first(runs)
    wrong.sort(key=lambda run: bool(run["variant"] != first))
    when = f" Recorded on {escape(recorded)}." if recorded else ""
    parts = [
        f'<section class="runs" id="runs" data-lab="{escape(lab)}">',
        '<h2>Right and wrong together<a class="headerlink" href="#runs"'
        ' title="Link to this heading">#</a></h2>',
        "<p>Each wrong program has run beside the same program mended, without"
        " pauses and with the same random numbers (<code>--pace=0 --seed=1"
        "</code>). Time goes down, and each process has a line and a letter. A"
        " triangle marks the first place where the two runs part, apart from"
        f" times and turns that are luck.{when}</p>",
        _legend(),
    ]
    for run in wrong:
        opened = " open" if run["variant"] == first else ""
        name = escape(run["variant"])
        parts.append(
            f'<details class="pair" id="run-{name}"{opened}>'
            f"<summary><code>{name}</code>: {_caught_by(run)}</summary>"
            f"{_pair(run)}</details>"
        )
    parts.append("</section>")
    return "\n".join(parts)


def _caught_by(run: Run) -> str:
    """Returns how a wrong variant is caught, in a few words."""
    by = run.get("caught", {}).get("by", "")
    if run["hang"] and len(run["hang"]["circle"]) > 1:
        return "it hangs, in a circle"
    return _BY.get(by, "it is wrong")


def _legend() -> str:
    """Returns what the marks in the diagrams mean."""
    marks = (
        ('<rect x="6" y="1" width="8" height="14" class="waiting"/>', "waits"),
        (
            '<rect x="6" y="1" width="8" height="14" class="waiting never"/>'
            '<path d="M6 1h8v14h-8z" class="neverline"/>',
            "waits forever",
        ),
        ('<rect x="8" y="1" width="5" height="14" class="held"/>', "holds"),
        (
            '<g class="arrow"><line x1="1" y1="8" x2="12" y2="8"/>'
            '<polygon points="19,8 11,4 11,12"/></g>',
            "a message",
        ),
        (
            '<path d="M10 0v16" class="life silent p7"/>',
            "does nothing more",
        ),
        ('<path d="M5 1l10 7l-10 7z" class="flag"/>', "first difference"),
    )
    items = "".join(
        '<li><svg class="diagram" width="20" height="16" aria-hidden="true">'
        f"{mark}</svg> {word}</li>"
        for mark, word in marks
    )
    return f'<ul class="legend" aria-label="Marks">{items}</ul>'


def _pair(run: Run) -> str:
    beside = run["beside"]
    difference = beside["first_difference"]
    if difference:
        told = f"<strong>First difference:</strong> {escape(difference)}."
    else:
        told = (
            "<strong>No difference while they run:</strong> both do and say"
            " the same. What is wrong shows elsewhere: see how it is caught."
        )
    parts = []
    if run.get("story"):
        parts.append(f"<p>{escape(run['story'])}</p>")
    parts.append(f'<p class="difference">{told}</p>')
    if run["hang"]:
        parts.append(hang_figure(run))
    parts += [
        '<div class="pairs">',
        _side(
            "Right: mended",
            "right",
            "",
            beside["lines"],
            beside["status"],
            beside["right_diagram"],
        ),
        _side(
            "Wrong",
            "wrong",
            run["command"],
            [*run["lines"], *run["stderr"]],
            run["status"],
            beside["wrong_diagram"],
            _verdict(run),
            bool(run["hang"]),
        ),
        "</div>",
    ]
    return "\n".join(parts)


def _side(
    title: str,
    kind: str,
    command: str,
    lines: Sequence[str],
    status: int,
    diagram: str,
    verdict: str = "",
    hangs: bool = False,
) -> str:
    how = "stopped, since it hangs" if hangs else _status(status)
    parts = [
        f'<div class="side {kind}" role="group" aria-label="{escape(title)}">',
        f"<h3>{escape(title)} <small>{escape(how)}</small></h3>",
        _scroll(diagram, f"Sequence diagram, {title}") if diagram else "",
        "<details><summary>What it printed</summary>",
        _transcript(command, lines, title),
        "</details>",
    ]
    if verdict:
        parts.append(verdict)
    parts.append("</div>")
    return "\n".join(part for part in parts if part)


def _scroll(inner: str, label: str) -> str:
    return (
        f'<div class="scroll" tabindex="0" role="group"'
        f' aria-label="{escape(label)}">{inner}</div>'
    )


def _status(status: int) -> str:
    if status < 0:
        return f"killed by {_SIGNALS.get(-status, f'signal {-status}')}"
    return f"exit status {status}"


def _transcript(command: str, lines: Sequence[str], label: str) -> str:
    shown = list(lines) or ["(it printed nothing)"]
    head = f"<b>$ {escape(command)}</b>\n" if command else ""
    text = "\n".join(map(escape, shown))
    return (
        f'<pre class="transcript" tabindex="0" role="group" aria-label='
        f'"What was printed: {escape(label)}">{head}{text}</pre>'
    )


def _verdict(run: Run) -> str:
    """Returns how the variant was caught, in the words of the harness."""
    caught = run.get("caught", {})
    if run["hang"]:
        return ""  # It is in the picture above.
    text = caught.get("text", "")
    if not text:
        return ""
    return (
        '<div class="verdict"><h4>How it is caught</h4>'
        f'<pre tabindex="0" role="group" aria-label="How it is caught">'
        f"{escape(text)}</pre></div>"
    )


def hang_figure(run: Run) -> str:
    """Returns the picture of who waits for whom, with its words."""
    hang = run["hang"]
    picture = pictures.hang_picture(hang)
    told = "".join(
        f"<li>{escape(pictures.sentence(one))}</li>"
        for one in hang["blocked"][:12]
    )
    if len(hang["circle"]) > 1:
        circle = [*hang["circle"], hang["circle"][0]]
        told += (
            f"<li>They wait for each other in a circle: "
            f"{escape(' → '.join(circle))}.</li>"
        )
    return (
        '<figure class="hangfigure"><figcaption>Who waits for what in the wrong'
        " program</figcaption>"
        f"{_scroll(picture, 'Picture of the hang')}<ul>{told}</ul></figure>"
    )


def transcript_figure(run: Run) -> str:
    """Returns a transcript beside its sequence diagram."""
    ended = _status(run["status"])
    ms = run["duration_s"] * 1000
    diagram = run["diagram"]
    right = _scroll(diagram, "Sequence diagram of this run") if diagram else ""
    return (
        '<figure class="run"><figcaption>'
        f"<code>{escape(run['command'])}</code> "
        f"<small>a recorded run: {ended}, {ms:.0f} ms, without pauses</small>"
        '</figcaption><div class="panes">'
        + _transcript(
            run["command"], [*run["lines"], *run["stderr"]], run["lab"]
        )
        + f"{right}</div></figure>"
    )
