"""The fenced blocks of chapters and pages, as HTML."""

import html
import re
from collections.abc import Sequence

from book.sources import ROOT, Linker, Source, highlight

_LANGUAGES = {"c++": "cpp", "cc": "cpp", "md": "markdown", "sh": "bash"}
_ANY = re.compile(r"&lt;(?:[a-z][a-z _-]*|\.\.\.)&gt;")
_SPEAKER = re.compile(r"^([A-Z][^:<>=()]{0,30}): ")
_CALL = re.compile(
    r"^(\[[^\]]*\] )?(?:(&lt;\.\.\. )(\w+)( resumed&gt;)|([a-z]\w*)(?=\())"
)
_RESULT = re.compile(r"( +)(= )(?!.* = )(.*)$")


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def _marked(text: str) -> str:
    """Escapes a line, and marks what stands for any word."""
    return _ANY.sub(lambda m: f"<var>{m[0]}</var>", _escape(text))


def _command(line: str) -> str:
    """Returns a line that a person types; "$ " is not copied with it."""
    command, hash_, comment = line.removeprefix("$ ").partition("  #")
    rest = f"<i class=c>{_escape(hash_ + comment)}</i>" if hash_ else ""
    prompt = "<span class=prompt>$ </span>" if line.startswith("$ ") else ""
    return f"{prompt}<kbd>{_escape(command)}</kbd>{rest}"


def _said(line: str) -> str:
    """Returns a line that a program prints."""
    if line.strip() == "...":
        return f"<span class=skip>{line}</span>"
    if line.strip() == "^C":
        return f"<kbd>{line}</kbd>"
    return _SPEAKER.sub(r"<b>\1:</b> ", _marked(line))


def _traced(line: str) -> str:
    """Returns a line of strace."""
    text = _marked(line)

    def name(match: re.Match[str]) -> str:
        who = f"<i class=c>{match[1]}</i>" if match[1] else ""
        if match[3]:
            return f"{who}{match[2]}<i class=f>{match[3]}</i>{match[4]}"
        return f"{who}<i class=f>{match[5]}</i>"

    text = re.sub(r"(\"(?:\\.|[^\"\\])*\")", r"<i class=s>\1</i>", text)
    text = _CALL.sub(name, text)
    return _RESULT.sub(r"\1\2<i class=n>\3</i>", text)


def _figure(
    kind: str,
    label: str,
    lines: Sequence[str],
    caption: str = "",
    attributes: str = "",
) -> str:
    head = f"<figcaption>{caption}</figcaption>" if caption else ""
    inside = "\n".join(lines)
    return (
        f'<figure class="fence {kind}"{attributes}>{head}'
        f'<pre tabindex="0" role="group" aria-label="{html.escape(label)}">'
        f"<code>{inside}</code></pre></figure>"
    )


def transcript(body: Sequence[str], unordered: bool) -> str:
    """Returns commands and what they print."""
    shown = [
        _command(line) if line.startswith("$ ") else _said(line)
        for line in body
    ]
    caption = "Lines of different processes may come in any order."
    return _figure("console", "Transcript", shown, caption * unordered)


def trace(body: Sequence[str]) -> str:
    """Returns calls that strace shows."""
    shown = [
        _command(line) if line.startswith("$ ") else _traced(line)
        for line in body
    ]
    return _figure("strace", "System calls", shown)


def shell(body: Sequence[str]) -> str:
    """Returns commands to type."""
    shown = [
        re.sub(r"(?:^|(?<=\s))#.*$", r"<i class=c>\g<0></i>", _escape(line))
        for line in body
    ]
    return _figure("sh", "Commands", shown)


def code(language: str, body: Sequence[str], linker: Linker) -> str:
    """Returns code that is quoted from no file."""
    name = _LANGUAGES.get(language, language or "text")
    lines = highlight("\n".join(body), name, linker if name == "cpp" else None)
    return _figure(name, f"{language or 'Text'}", lines)


def listing(
    source: Source, tag: str, body: Sequence[str], linker: Linker
) -> str:
    """Returns lines that are quoted from a source, with a link to them."""
    place = source.locate(body, tag)
    lines = highlight("\n".join(body), "cpp", linker)
    anchor = f"#tag-{tag}" if tag in source.tags() else ""
    if not anchor and place:
        anchor = f"#L{place[0]}"
    first, last = place or (1, 1)
    where = f"line {first}" if first == last else f"lines {first}–{last}"
    data = ""
    if place:
        data = f' data-file="{source.path}" data-lines="{first}-{last}"'
    caption = (
        f'<a class="place" href="{source.address}{anchor}">'
        f"<span class=file>{source.name}</span>"
        f"<span class=lines>{where}</span></a>"
    )
    return _figure("cpp", f"{source.name}, {where}", lines, caption, data)


def root_of(depth: int) -> str:
    """Returns what stands for ROOT on a page that is so deep."""
    return "../" * depth


def placed(text: str, depth: int) -> str:
    """Returns HTML for a page that is so deep."""
    return text.replace(ROOT, root_of(depth))
