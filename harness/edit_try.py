"""Makes the program of a try: copies a lab's sources with its edits applied.

    edit_try.py labs/pipes/tries.toml 1 labs/pipes <out folder> <source>...

An edit of tries.toml is one of

    {tag = "close", replace = ""}       the lines that have `// [close]`
    {tag = "answer", behind = "set"}    the same, moved behind another tag
    {tag = "answer", before = "set"}
    {old = "a < b", new = "a > b"}      a text that is there once

of `file`, which is main.cc unless it is named. A line that replaces another one
stands where that stood.
"""

import pathlib
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

_FIELDS = (
    {"tag", "replace"},
    {"tag", "behind"},
    {"tag", "before"},
    {"old", "new"},
)


class WrongEdit(ValueError):
    """An edit that cannot be made; says why in one line."""


def _tagged(lines: Sequence[str], tag: str, where: str) -> list[int]:
    found = [
        number
        for number, line in enumerate(lines)
        if re.search(rf"(?://|#)\s*\[{re.escape(tag)}\]", line)
    ]
    if not found:
        raise WrongEdit(f"{where}: no line is marked [{tag}]")
    return found


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def apply(text: str, edit: Mapping[str, str], where: str) -> str:
    """Returns the text with one edit made.

    Raises:
      WrongEdit: the edit does not fit the text.
    """
    if set(edit) - {"file"} not in _FIELDS:
        wanted = ", or ".join("/".join(sorted(names)) for names in _FIELDS)
        raise WrongEdit(f"{where}: {dict(edit)} needs {wanted}")
    if "old" in edit:
        count = text.count(edit["old"])
        if count != 1:
            raise WrongEdit(
                f"{where}: {edit['old']!r} occurs {count} times, not once"
            )
        return text.replace(edit["old"], edit["new"])
    lines = text.splitlines(keepends=True)
    chosen = _tagged(lines, edit["tag"], where)
    new = [lines[number] for number in chosen]
    place = chosen[0]
    if "replace" in edit:
        indentation = _indentation(lines[place])
        new = [
            f"{indentation}{line}\n" for line in edit["replace"].splitlines()
        ]
    else:
        other = edit.get("behind") or edit.get("before") or ""
        marked = _tagged(lines, other, where)
        place = marked[-1] + 1 if "behind" in edit else marked[0]
    rest = [
        line for number, line in enumerate(lines) if number not in set(chosen)
    ]
    place -= sum(number < place for number in chosen)
    return "".join([*rest[:place], *new, *rest[place:]])


def edited(
    sources: Mapping[str, str], edits: Sequence[Mapping[str, str]], where: str
) -> dict[str, str]:
    """Returns all sources by name, with the edits made in their order."""
    made = dict(sources)
    for edit in edits:
        name = edit.get("file", "main.cc")
        if name not in made:
            raise WrongEdit(
                f"{where}: {name} is not among its sources: "
                + ", ".join(sorted(made))
            )
        made[name] = apply(made[name], edit, f"{where}: {name}")
    return made


def own_includes(text: str, package: str, folder: str, names: set[str]) -> str:
    """Has a copied source include the lab's headers, copied ones first."""

    def found(match: re.Match[str]) -> str:
        name = match[1]
        place = f"{package}/{folder}" if name in names else package
        return f'#include "{place}/{name}"'

    own = rf'^#include "(?:{re.escape(package)}/)?([^"/]+)"'
    return re.sub(own, found, text, flags=re.M)


def _write(arguments: Sequence[str]) -> None:
    toml, number, package, out, *files = arguments
    where = f"{package}/tries.toml: [try.{number}]"
    with open(toml, "rb") as file:
        tries: dict[str, Any] = tomllib.load(file).get("try", {})
    edits = tries.get(number, {}).get("edits", [])
    if not edits:
        raise WrongEdit(f"{where} has no edits, so it needs no program")
    sources = {
        path.split(f"{package}/", 1)[-1]: pathlib.Path(path).read_text("utf-8")
        for path in files
    }
    made = edited(sources, edits, where)
    header = next((x for x in made if made[x] != sources[x] and ".h" in x), "")
    if header and "main.cc" not in made:
        raise WrongEdit(
            f"{where} edits {header}, so it needs all sources: in the BUILD"
            f' file, tries = {{"{number}": []}}'
        )
    for name, text in made.items():
        target = pathlib.Path(out, f"tries/{number}", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = own_includes(text, package, f"tries/{number}", set(made))
        target.write_text(text, encoding="utf-8")


def main() -> None:
    """Writes the sources; a wrong edit gets a message of one line."""
    try:
        _write(sys.argv[1:])
    except (WrongEdit, tomllib.TOMLDecodeError) as error:
        sys.exit(f"edit_try: {error}")


if __name__ == "__main__":
    main()
