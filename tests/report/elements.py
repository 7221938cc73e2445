"""HTML as a tree, read by Python's own parser, to ask what a page says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def every(self, tag: str = "", **attributes: str | None) -> Iterator[Element]:
        """Those below of that tag (any) that have the attributes (`data_json` for data-json, `class_`), None for any
        value."""
        wanted = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()}
        for child in self.children:
            if isinstance(child, str):
                continue
            own = child.attributes
            if tag in ("", child.tag) and all(k in own and v in (None, own[k]) for k, v in wanted.items()):
                yield child
            yield from child.every(tag, **attributes)

    def above(self) -> Iterator[Element]:
        here: Element | None = self
        while here is not None:
            yield here
            here = here.parent


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.here = Element("", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        child = Element(tag, {k: v or "" for k, v in attrs}, self.here)
        self.here.children.append(child)
        if tag not in VOID:
            self.here = child

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.here.children.append(Element(tag, {k: v or "" for k, v in attrs}, self.here))

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.children.append(data)


def read(text: str) -> Element:
    """The root; an element that is not closed, or closed in the wrong place, is an assertion."""
    tree = _Tree()
    tree.feed(text)
    tree.close()
    assert tree.here.tag == "", f"<{tree.here.tag}> is not closed"
    return tree.here
