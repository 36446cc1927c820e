"""The HTML of recorded explorations: questions, outcomes, the scheduler.

All of it can be read without JavaScript; book/static/scheduler.js makes the
questions ones that can be answered, and puts the scheduler below them. A page
that has a section must include scheduler.css and scheduler.js; the recordings
themselves are loaded when the reader opens the scheduler.
"""

import html
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.game import is_serial
from harness.transcript import count, letter_of

# The pages of chapters are all in one folder beside _static.
_DATA = "../_static/explorations/{lab}.js"

Exploration = Mapping[str, Any]


def _flag_in_words(flag: str) -> str:
    """Returns "3 workers" for "--workers=3", and other flags as they are."""
    match = re.fullmatch(r"--([a-z_]+s)=(\d+)", flag)
    if not match:
        return flag
    noun = match[1].replace("_", " ")
    return f"{match[2]} {noun[:-1] if match[2] == '1' else noun}"


def _kills(exploration: Exploration) -> int:
    match = re.search(r"--kills=(\d+)", exploration["command"])
    return int(match[1]) if match else 0


def title(exploration: Exploration, among: Sequence[Exploration]) -> str:
    """Names an exploration so that it differs from the others of its lab."""
    variant = exploration["variant"]
    words = [f"wrong variant {variant}" if variant else "the lab"]
    same = [one for one in among if one["variant"] == variant]
    if len({one["scenario"] for one in same}) > 1:
        words.append(exploration["scenario"])
        same = [o for o in same if o["scenario"] == exploration["scenario"]]
    if exploration["flags"]:
        words += [_flag_in_words(flag) for flag in exploration["flags"]]
    elif any(one["flags"] for one in same):
        words.append(f"{len(exploration['processes'])} processes")
    if kills := _kills(exploration):
        words.append(f"{count(kills, 'death')} allowed")
    return ", ".join(words)


def _is_complete(exploration: Exploration) -> bool:
    return exploration["complete"] and exploration["preemptions"] is None


def _how_many(exploration: Exploration) -> str:
    """Says how many schedules there are, and which were recorded."""
    told = count(exploration["schedules"], "schedule")
    if _is_complete(exploration):
        return f"{told}, all that there are"
    if exploration["preemptions"] is None:
        return f"the first {told}"
    most = count(exploration["preemptions"], "pre-emption")
    return f"{told}, of those with at most {most}"


def how(outcome: Mapping[str, Any]) -> str:
    """Says what it takes to reach an outcome, in few words."""
    if outcome["kind"] != "outcome":
        return "goes wrong"
    if outcome["witness"] != outcome["witness"].upper():
        return "takes a death"
    if is_serial(outcome["witness"]):
        return "one process after the other"
    return "steps must mix"


def _label(outcome: Mapping[str, Any]) -> str:
    text = outcome["text"] or "(an empty text)"
    kind = outcome["kind"]
    return text if kind == "outcome" else f"{kind}: {text}"


def link(key: str, schedule: str) -> str:
    """Returns the fragment that leads to a schedule on its chapter's page."""
    return f"#scheduler={key}:{schedule}"


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def _word(key: str, schedule: str) -> str:
    """Returns a schedule as a link to itself."""
    where = _escape(link(key, schedule))
    return f'<a href="{where}"><code>{_escape(schedule)}</code></a>'


def _outcomes_table(exploration: Exploration, name: str) -> list[str]:
    lines = [
        '<div class="exploration-scroll" tabindex="0" role="region"'
        f' aria-label="What comes out: {_escape(name)}">',
        '<table class="exploration-outcomes">',
        "<thead><tr>",
        '<th scope="col">What comes out</th>',
        '<th scope="col">Schedules</th>',
        '<th scope="col">Simplest; switches</th>',
        '<th scope="col">How</th>',
        "</tr></thead>",
        "<tbody>",
    ]
    for outcome in exploration["outcomes"]:
        kind = outcome["kind"]
        text = _escape(outcome["text"] or "(an empty text)")
        if kind != "outcome":
            text = f'<b class="exploration-bad">{_escape(kind)}:</b> {text}'
        lines += [
            f"<tr><td>{text}</td>",
            f"<td>{outcome['count']:,}</td>",
            f"<td>{_word(exploration['key'], outcome['witness'])},"
            f" {outcome['par']}</td>",
            f"<td>{how(outcome)}</td></tr>",
        ]
    return [*lines, "</tbody>", "</table>", "</div>"]


def _question(exploration: Exploration) -> list[str]:
    """Returns the question with its boxes; answers stand further below."""
    key = _escape(exploration["key"])
    lines = [
        f'<form class="prediction" data-key="{key}">',
        "<fieldset>",
        "<legend>Which of these can come out?</legend>",
        "<p>Tick all that can, in some order of the steps.</p>",
    ]
    if means := exploration.get("means"):
        lines.append(f"<p>What an outcome says: {_escape(means)}.</p>")
    for choice in exploration["prediction"]:
        lines.append(
            f'<label><input type="checkbox" name="choice"'
            f' value="{choice["letter"]}">'
            f" <span>{_escape(choice['label'] or '(an empty text)')}</span>"
            "</label>"
        )
    return [
        *lines,
        '<button type="submit" class="main needs-script" hidden>'
        "Check my answer</button>",
        '<p class="prediction-score" role="status"></p>',
        "</fieldset>",
        "</form>",
    ]


def _answers(exploration: Exploration) -> list[str]:
    total = exploration["schedules"]
    lines = ['<ul class="prediction-answers">']
    for choice in exploration["prediction"]:
        can = choice["witness"] is not None
        label = _escape(choice["label"] or "(an empty text)")
        if not can:
            none = f"none of the {count(total, 'schedule')} ends like that"
            said = f"<b>{label}</b> cannot come out: {none}."
        else:
            word = _word(exploration["key"], choice["witness"])
            said = (
                f"<b>{label}</b> can come out: in {choice['count']:,} of"
                f" {count(total, 'schedule')}, such as {word}."
            )
        lines.append(
            f'<li class="prediction-answer" data-letter="{choice["letter"]}"'
            f' data-can="{"yes" if can else "no"}">'
            f'<span class="prediction-verdict"></span>{said}</li>'
        )
    return [*lines, "</ul>"]


def _exploration(
    exploration: Exploration, among: Sequence[Exploration], is_first: bool
) -> list[str]:
    """Returns one exploration: what it is, the question, what comes out."""
    name = title(exploration, among)
    key = _escape(exploration["key"])
    processes = ", ".join(
        f"{letter_of(i)} {_escape(process)}"
        for i, process in enumerate(exploration["processes"])
    )
    opened = " open" if is_first else ""
    asks = bool(exploration.get("prediction"))
    summary = "The answer, and all that comes out" if asks else "What comes out"
    start = "Choose the order yourself"
    if asks:
        start = "Skip the question"
    lines = [
        f'<details class="exploration" id="exploration-{key}"'
        f' data-key="{key}" data-title="{_escape(name)}"{opened}>',
        f"<summary>{_escape(name[0].upper() + name[1:])}</summary>",
        f"<p>Processes: {processes}. Recorded: {_how_many(exploration)}.</p>",
        '<pre tabindex="0" aria-label="The command that explores it">'
        f"<code>{_escape(exploration['command'])}</code></pre>",
    ]
    if asks:
        lines += _question(exploration)
    lines += [
        f'<button type="button" class="exploration-open needs-script" hidden>'
        f"{start}</button>",
        '<details class="exploration-found">',
        f"<summary>{summary}</summary>",
    ]
    if asks:
        lines += _answers(exploration)
    lines += _outcomes_table(exploration, name)
    return [*lines, "</details>", "</details>"]


def chapter_section(lab: str, explorations: Sequence[Exploration]) -> str:
    """Returns the section of a chapter's page; "" if nothing was recorded."""
    if not explorations:
        return ""
    lines = [
        '<section id="scheduler" class="explorations" data-lab='
        f'"{_escape(lab)}" data-explorations="{_DATA.format(lab=_escape(lab))}"'
        ">",
        "<h2>You are the scheduler</h2>",
        "<p>The explorer has played the orders of the processes' steps and"
        " recorded each of them. Here you choose who moves next.</p>",
        "<noscript><p>That takes JavaScript. What comes out, and the command"
        " that does the same in a terminal, are below.</p></noscript>",
    ]
    for i, exploration in enumerate(explorations):
        lines += _exploration(exploration, explorations, i == 0)
    return "\n".join([*lines, "</section>"]) + "\n"


def index_section(explorations: Sequence[Exploration]) -> str:
    """Returns the list of all explorations, by lab, for schedulers.html.

    It says how many outcomes there are and not which: the chapters ask first.
    """
    lines = ['<section class="explorations-index">']
    for lab, found in itertools.groupby(
        explorations, lambda one: str(one["lab"])
    ):
        group = list(found)
        lines += [
            f'<h2 id="{_escape(lab)}"><a href="labs/{_escape(lab)}.html">'
            f"{_escape(lab)}</a></h2>",
            '<div class="exploration-scroll" tabindex="0" role="region"'
            f' aria-label="Explorations of {_escape(lab)}">',
            '<table class="exploration-outcomes">',
            '<thead><tr><th scope="col">What is played</th>',
            '<th scope="col">Processes</th>',
            '<th scope="col">Recorded</th>',
            '<th scope="col">Outcomes</th></tr></thead>',
            "<tbody>",
        ]
        for one in group:
            where = f"labs/{lab}.html#exploration-{one['key']}"
            lines.append(
                f'<tr><td><a href="{_escape(where)}">'
                f"{_escape(title(one, group))}</a></td>"
                f"<td>{len(one['processes'])}</td>"
                f"<td>{_how_many(one)}</td>"
                f"<td>{len(one['outcomes'])}</td></tr>"
            )
        lines += ["</tbody>", "</table>", "</div>"]
    return "\n".join([*lines, "</section>"]) + "\n"


def data_script(
    lab: str,
    explorations: Sequence[Exploration],
    recorded: Mapping[str, str],
) -> str:
    """Returns the script with the recordings of a lab.

    recorded: {"date": in ISO 8601, "machine": in words}.
    """
    wanted = [
        {
            **{
                k: v for k, v in one.items() if k not in ("prediction", "means")
            },
            "outcomes": [{**o, "how": how(o)} for o in one["outcomes"]],
        }
        for one in explorations
    ]
    data = json.dumps(wanted, separators=(",", ":"))
    when = json.dumps(dict(recorded))
    return (
        f"// Recorded explorations of {lab}; see book/explorations.py.\n"
        f"ipcBook.addExplorations({data}, {when});\n"
    )
