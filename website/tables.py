"""A Sphinx extension: in each row of a table, say again what a cell is, for narrow pages where rows are stacked."""

from typing import Any

from docutils import nodes

PLAIN = ("what it means", "what it is", "in a sentence")  # headings that a cell needs not to be understood


def label(_: Any, tree: nodes.document, __: str) -> None:
    """Put the heading of its column into each cell but a row's first; the style sheet shows it where it is needed."""
    for table in tree.findall(nodes.table):
        head = [each.astext() for each in table.findall(nodes.entry) if isinstance(each.parent.parent, nodes.thead)]
        body = [each for each in table.findall(nodes.row) if isinstance(each.parent, nodes.tbody)]
        if len(head) < 2 or not body:
            continue
        table["classes"].append("stacks")
        for row in body:
            for heading, cell in list(zip(head, row.children, strict=False))[1:]:
                if heading and heading not in PLAIN and cell.astext():
                    first = cell.children[0]
                    first.insert(0, nodes.inline("", f"{heading}: ", classes=["label"]))


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx call `label`."""
    app.connect("doctree-resolved", label)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
