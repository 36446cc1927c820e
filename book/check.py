"""Checks a built site: every link, every anchor, nothing from outside."""

import html.parser
import pathlib
import posixpath
import re
import urllib.parse
from collections.abc import Iterator

# Addresses that a reader may follow, and that no page loads.
_OUTSIDE = re.compile(r"(?:https?:)?//", re.I)
_LOADING = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "audio": "src",
    "video": "src",
    "object": "data",
    "embed": "src",
    "image": "href",
    "use": "href",
}


class _Page(html.parser.HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.twice: list[str] = []
        self.styles: list[str] = []

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        found = {name: value or "" for name, value in attrs}
        if name := found.get("id"):
            if name in self.anchors:
                self.twice.append(name)
            self.anchors.add(name)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in _LOADING and _LOADING[tag] in found:
            self.loads.append(found[_LOADING[tag]])
        self.styles.append(found.get("style", ""))


def _read(file: pathlib.Path) -> _Page:
    page = _Page()
    page.feed(file.read_text(encoding="utf-8"))
    page.close()
    return page


def problems(site: pathlib.Path) -> Iterator[str]:
    """Yields what is wrong with the links of a site."""
    pages = {
        file.relative_to(site).as_posix(): _read(file)
        for file in sorted(site.rglob("*.html"))
    }
    files = {
        file.relative_to(site).as_posix()
        for file in site.rglob("*")
        if file.is_file()
    }
    for name, page in pages.items():
        for anchor in page.twice:
            yield f"{name}: two elements have the id {anchor}"
        for address in page.loads:
            if _OUTSIDE.match(address):
                yield f"{name}: loads {address}"
        for address in (*page.links, *page.loads):
            if problem := _problem(name, address, pages, files):
                yield f"{name}: {problem}"
        for style in page.styles:
            if re.search(r"url\(\s*['\"]?(?:https?:)?//", style):
                yield f"{name}: a style loads from outside: {style}"
    for file in sorted(site.rglob("*.css")):
        text = file.read_text(encoding="utf-8")
        for outside in re.findall(r"(?:@import|url\()[^;)]*//[^;)]*", text):
            yield f"{file.relative_to(site)}: loads {outside}"


def _problem(
    name: str, address: str, pages: dict[str, _Page], files: set[str]
) -> str:
    """Returns what is wrong with a link, or ""."""
    if re.match(r"(https?|mailto|data):", address) or address == "#":
        return ""
    if re.match(r"[a-z]+:", address):
        return f"link to {address}"
    path, _, anchor = address.partition("#")
    path = urllib.parse.unquote(path.partition("?")[0])
    place = name
    if path:
        place = posixpath.normpath(
            posixpath.join(posixpath.dirname(name), path)
        )
    if place not in files:
        return f"link to {address}, which does not exist"
    # The scheduler keeps a schedule behind its anchor: "#scheduler=right:ABBA".
    anchor = anchor.partition("=")[0]
    if anchor and place in pages:
        if urllib.parse.unquote(anchor) not in pages[place].anchors:
            return f"link to {address}, and there is no such anchor"
    return ""
