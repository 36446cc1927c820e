"""Looks at the elements of a page, for tests."""

import html.parser

# They have no end.
_EMPTY = ("br", "hr", "img", "input", "link", "meta")


class Tags(html.parser.HTMLParser):
    """Counts the elements of a page, and sees that they are closed.

    open: those that are not.
    nameless: those that need a name for a screen reader, and have none.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.nameless: list[str] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.handle_startendtag(tag, attrs)
        named = dict(attrs)
        self.ids += [str(named["id"])] if "id" in named else []
        if named.get("role") in ("img", "group") or "tabindex" in named:
            if not named.get("aria-label"):
                self.nameless.append(tag)
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        opened = self.open.pop()
        assert opened == tag, f"{opened} is closed by {tag}"
