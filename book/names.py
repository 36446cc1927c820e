"""An index of the library's names: where each one is declared.

The headers of common/ are written alike, so a scanner that knows namespaces,
classes and braces finds what they declare; it is no C++ parser. A name is
written as code writes it after `ipc::`, as in "Condition::wait_until".
"""

import bisect
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping

_MASKED = re.compile(
    r"R\"(\w*)\(.*?\)\1\""
    r"|\"(?:\\.|[^\"\\\n])*\""
    r"|'(?:\\.|[^'\\\n])*'"
    r"|//[^\n]*"
    r"|/\*.*?\*/"
    r"|^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*",
    re.S | re.M,
)
_MARK = re.compile(r"[{};()]|\b(?:public|private|protected)\s*:")
_TYPE = re.compile(
    r"\b(class|struct|union)\s+(?:alignas\s*\([^)]*\)\s*)?"
    r"(?:\[\[[^\]]*\]\]\s*)?(\w+)(?:<[^;{}]*>)?(?:\s+final)?\s*(?::[^:].*)?$",
    re.S,
)
_ENUM = re.compile(
    r"\benum\s+(?:class\s+|struct\s+)?(\w+)\s*(?::[^:].*)?$", re.S
)
_NAMESPACE = re.compile(r"\bnamespace\s*([\w:]*)\s*$")
_USING = re.compile(r"\busing\s+(\w+)\s*=")
_CONCEPT = re.compile(r"\bconcept\s+(\w+)\s*=")
_VARIABLE = re.compile(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?:=.*)?$", re.S)
_NOT_NAMES = frozenset(
    "alignas alignof decltype explicit if for while switch return requires"
    " noexcept operator sizeof static_assert catch default delete const"
    " override final".split()
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a name is declared."""

    path: str  # From the root of the tree: "common/sync/condition.h".
    line: int
    kind: str  # "class", "function", "value".


@dataclasses.dataclass
class _Scope:
    kind: str  # "namespace", "class", "enum" or "other".
    name: str
    is_public: bool = True
    parens: int = 0  # How many were open where it begins.


def _mask(text: str) -> str:
    """Blanks comments, literals and directives; keeps offsets and lines."""
    return _MASKED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def _without_templates(head: str) -> str:
    """Blanks `template <...>` in a declaration; keeps offsets."""
    while match := re.search(r"\btemplate\s*<", head):
        depth, end = 1, match.end()
        while end < len(head) and depth:
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        head = head[: match.start()] + " " * (end - match.start()) + head[end:]
    return head


def _function(head: str) -> tuple[str, int] | None:
    """Returns the name of the function that is declared, and where it is."""
    for match in re.finditer(r"(~?\w+)\s*\(", head):
        if match[1] not in _NOT_NAMES:
            before = head[: match.start()]
            if re.search(r"[=.]|->|\boperator\b|::$", before):
                return None
            return match[1], match.start(1)
    return None


def _declared(head: str, scope: _Scope) -> tuple[str, int, str] | None:
    """Returns (name, offset, kind) of a declaration that is no scope."""
    head = _without_templates(head)
    if re.match(r"\s*(,|friend\b|using\s+[\w:]+\s*$|static_assert\b)", head):
        return None
    for pattern in (_USING, _CONCEPT):
        if match := pattern.search(head):
            return match[1], match.start(1), "class"
    if found := _function(head):
        return (*found, "function")
    if re.match(r"\s*(class|struct|union|enum)\s+[\w\s]+$", head):
        return None  # Declared only.
    is_constant = re.search(r"\b(constexpr|extern|inline)\b", head)
    if scope.kind == "class" and not is_constant:
        return None
    head = head.partition("=")[0]
    match = _VARIABLE.search(head)
    if match and is_constant and re.search(r"\w\W+$", head[: match.start(1)]):
        return match[1], match.start(1), "value"
    return None


def declarations(text: str) -> Iterator[tuple[str, int, str]]:
    """Yields (name, line, kind) of what a header declares in `ipc`."""
    masked = _mask(text)
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    scopes = [_Scope("namespace", "")]
    start, parens = 0, 0
    for match in _MARK.finditer(masked):
        mark = match[0]
        scope = scopes[-1]
        if mark in "()":
            parens += 1 if mark == "(" else -1
            continue
        if parens or scope.kind == "other":
            # Braces in the arguments of a call, or in the body of a function.
            if mark == "{":
                scopes.append(_Scope("other", "", parens=parens))
                parens = 0
            elif mark == "}" and scope.kind == "other":
                parens = scopes.pop().parens
                start = start if parens else match.end()
            continue
        if mark.endswith(":"):
            scope.is_public = mark.startswith("public")
            start = match.end()
            continue
        head = masked[start : match.start()]
        begin, start = start, match.end()
        prefix = [s.name for s in scopes if s.name]
        visible = all(s.is_public for s in scopes)
        if mark == "}":
            if scope.kind == "enum" and visible and prefix[0] == "ipc":
                for one in re.finditer(r"(?:^|,)\s*(\w+)", head):
                    full = "::".join([*prefix[1:], one[1]])
                    line = bisect.bisect_right(starts, begin + one.start(1))
                    yield full, line, "value"
            if len(scopes) > 1:
                scopes.pop()
            continue
        found: tuple[str, int, str] | None = None
        if mark == "{":
            plain = _without_templates(head)
            if space := _NAMESPACE.search(plain):
                scopes.append(_Scope("namespace", space[1]))
                continue
            enum = _ENUM.search(plain)
            kind = None if enum else _TYPE.search(plain)
            if enum:
                found = enum[1], enum.start(1), "class"
                scopes.append(_Scope("enum", enum[1]))
            elif kind:
                found = kind[2], kind.start(2), "class"
                scopes.append(_Scope("class", kind[2], kind[1] != "class"))
            else:
                found = _declared(head, scope)
                scopes.append(_Scope("other", ""))
        else:
            found = _declared(head, scope)
        if found and visible and prefix and prefix[0].startswith("ipc"):
            name, offset, what = found
            full = "::".join([*prefix, name]).removeprefix("ipc::")
            line = bisect.bisect_right(starts, begin + offset)
            yield full, line, what


_RANK = {"class": 0, "value": 1, "function": 1}


class Names:
    """The names of the library, and where they are declared."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self.places = dict(places)
        self.classes = frozenset(
            name
            for name, place in self.places.items()
            if place.kind == "class"
            and place.path.startswith("common/")
            and re.fullmatch(r"[A-Z]\w*", name)
        )

    @staticmethod
    def read(root: pathlib.Path) -> "Names":
        """Reads all headers of common/, and what labs add to `ipc`."""
        places: dict[str, Place] = {}
        files = sorted((root / "common").rglob("*.h"))
        for file in [*files, *sorted((root / "labs").glob("*/*.h"))]:
            path = file.relative_to(root).as_posix()
            text = file.read_text(encoding="utf-8")
            for name, line, kind in declarations(text):
                old = places.get(name)
                if old and (
                    _RANK[old.kind] <= _RANK[kind] or path.startswith("labs/")
                ):
                    continue
                places[name] = Place(path, line, kind)
        return Names(places)

    def find(self, name: str) -> Place | None:
        """Returns where `ipc::A::b`, or `A::b`, or at least A, is declared."""
        words = name.removeprefix("ipc::").split("::")
        while words:
            if place := self.places.get("::".join(words)):
                return place
            words.pop()
        return None
