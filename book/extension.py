"""What Sphinx does differently for the book.

site.py hands over a Site as the value `book_site` of the configuration.
"""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from book import fences
from book.site import Page, Site
from book.sources import ROOT


class Ready(nodes.literal_block):  # type: ignore[misc]
    """HTML that is ready; its text is there for the search."""


class Name(nodes.inline):  # type: ignore[misc]
    """Code in a sentence, whose HTML is ready."""


class Book(Directive):  # type: ignore[misc]
    """Includes HTML that site.py has kept."""

    required_arguments = 1

    def run(self) -> Sequence[nodes.Node]:
        """Returns the node."""
        site: Site = self.state.document.settings.env.config.book_site
        chunk = site.chunks[self.arguments[0]]
        return [Ready("", chunk.text, html=chunk.html)]


def slug(heading: str) -> str:
    """Returns the anchor that code hosts make of a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.lower())
    return text.replace(" ", "-")


def _page(app: Sphinx, name: str) -> Page | None:
    site: Site = app.config.book_site
    return next((page for page in site.pages if page.name == name), None)


def _name_sections(_: Sphinx, doctree: nodes.document) -> None:
    """Gives headings the anchors that links to them use."""
    seen: dict[str, int] = {}
    for section in doctree.findall(nodes.section):
        title = next(iter(section.findall(nodes.title)), None)
        if title is None:
            continue
        name = slug(title.astext())
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name += f"-{seen[name] - 1}"
        section["ids"] = [name]


def _link_names(app: Sphinx, doctree: nodes.document) -> None:
    """Links code in sentences to where it is declared."""
    page = _page(app, app.env.docname)
    if page is None:
        return
    site: Site = app.config.book_site
    for literal in list(doctree.findall(nodes.literal)):
        text = literal.astext()
        parents: list[nodes.Node] = []
        node = literal.parent
        while node is not None:
            parents.append(node)
            node = node.parent
        is_link = any(isinstance(p, nodes.reference) for p in parents)
        is_title = any(isinstance(p, nodes.title) for p in parents)
        plain = html.escape(text, quote=False)
        shown = plain if is_link or is_title else site.inline(page, text)
        literal.replace_self(Name("", text, html=shown))


def _resolve(_: Sphinx, doctree: nodes.document, name: str) -> None:
    """Makes addresses of the links that site.py has written."""
    root = fences.root_of(name.count("/"))
    for link in doctree.findall(nodes.reference):
        uri = link.get("refuri", "")
        if uri.startswith("book:"):
            path = uri.removeprefix("book:")
            own, _, anchor = path.partition("#")
            if own == f"{name}.html" and anchor:
                link["refuri"] = f"#{anchor}"
            else:
                link["refuri"] = root + path
            link["internal"] = True


def _depth(translator: Any) -> int:
    name: str = translator.builder.current_docname
    return name.count("/")


def _visit_ready(translator: Any, node: Ready) -> None:
    translator.body.append(fences.placed(node["html"], _depth(translator)))
    raise nodes.SkipNode


def _visit_name(translator: Any, node: Name) -> None:
    text = fences.placed(node["html"], _depth(translator))
    translator.body.append(f"<code>{text}</code>")
    raise nodes.SkipNode


def _nothing(_: Any, __: nodes.Node) -> None:
    pass


_TABLE = re.compile(r'<table class="docutils[^>]*>.*?</table>', re.S)


def _framed(body: str) -> str:
    """Lets wide tables scroll by themselves."""
    body = _TABLE.sub(
        lambda m: '<div class="table" tabindex="0" role="group"'
        f' aria-label="Table">{m[0]}</div>',
        body,
    )
    # What docutils says of rows and cells, no style asks for.
    body = re.sub(
        r'<(tr|th|td|thead|tbody) class="(?:row-\w+|head)"', r"<\1", body
    )
    body = re.sub(r"<(th|td)><p>(.*?)</p>\n?</\1>", r"<\1>\2</\1>", body)
    return body.replace(' class="reference internal"', "")


def _contents(doctree: nodes.document) -> list[tuple[str, str]]:
    """Returns (anchor, text) of the sections of a page."""
    top = next(iter(doctree.findall(nodes.section)), None)
    if top is None:
        return []
    return [
        (section["ids"][0], section[0].astext())
        for section in top.children
        if isinstance(section, nodes.section)
    ]


def _context(
    app: Sphinx,
    name: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Gives the templates what they ask for."""
    del template
    site: Site = app.config.book_site
    page = _page(app, name)
    depth = name.count("/")
    kind = page.kind if page else "source"
    if name in ("index", "search", "schedulers"):
        kind = "doc" if name == "schedulers" else name
    entry = f'<a href="{ROOT}{name}.html"'
    here = f'{entry} aria-current="page">'
    navigation = site.html_navigation.replace(f"{entry}>", here)
    contents = _contents(doctree) if doctree is not None else []
    if kind == "lab" and contents and page:
        contents = site.with_recorded(page, contents)
        items = "".join(
            f'<li><a href="#{anchor}">{html.escape(text)}</a></li>'
            for anchor, text in contents
        )
        # The sections of a chapter stand below it.
        pattern = f"({re.escape(here)}[^<]*</a>)"
        navigation = re.sub(pattern, rf"\1<ul>{items}</ul>", navigation)
    before, after = site.neighbours(page) if page else (None, None)
    lab = name.partition("/")[2] if kind == "lab" else ""
    panel = site.panel(lab) if lab else ""
    if "body" in context:
        context["body"] = _framed(context["body"])
    context.update(
        book_root=fences.root_of(depth),
        book_kind=kind,
        book_navigation=fences.placed(navigation, depth),
        book_contents=contents if kind in ("doc", "room", "project") else [],
        book_before=before,
        book_after=after,
        book_panel=fences.placed(panel, depth),
        book_styles=site.extras(name, ".css"),
        book_scripts=site.extras(name, ".js"),
        book_lab=lab,
    )


def _source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    site: Site = app.config.book_site
    for name, title, body in site.source_pages():
        text = fences.placed(body, name.count("/"))
        yield name, {"title": title, "body": text}, "page.html"


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the parts."""
    app.add_config_value("book_site", None, "")
    app.add_directive("book", Book)
    app.add_node(Ready, html=(_visit_ready, _nothing))
    app.add_node(Name, html=(_visit_name, _nothing))
    # Before Sphinx collects the anchors.
    app.connect("doctree-read", _name_sections, priority=100)
    app.connect("doctree-read", _link_names, priority=110)
    app.connect("doctree-resolved", _resolve)
    app.connect("html-page-context", _context)
    app.connect("html-collect-pages", _source_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
