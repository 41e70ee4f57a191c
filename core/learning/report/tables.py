"""Tables as plain text and as Markdown."""

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """A titled table of ready-made cells; `notes` are sentences below it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    notes: tuple[str, ...] = ()


def as_text(table: Table) -> str:
    """Columns in line, the first to the left, numbers to the right."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.columns))]
    right = [k > 0 and all(_is_number(row[k]) for row in table.rows) for k in range(len(table.columns))]

    def written(line: Sequence[str]) -> str:
        cells = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True)]
        return "  ".join(cells).rstrip()

    body = [written(table.columns), "-" * len(written(table.columns)), *map(written, table.rows)]
    return "\n".join([table.title, "=" * len(table.title), *(body if table.rows else []), *table.notes])


def as_markdown(table: Table) -> str:
    """The same as a Markdown section."""
    lines = [f"## {table.title}", ""]
    if table.rows:
        lines += [_pipes(table.columns), _pipes(["---"] * len(table.columns)), *map(_pipes, table.rows), ""]
    return "\n".join([*lines, *(f"{note}\n" for note in table.notes)])


def number(value: float | None, digits: int = 1) -> str:
    """A number with so many decimals, "" for none."""
    return "" if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 1) -> str:
    """A number with its sign."""
    return "" if value is None else f"{value:+.{digits}f}"


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _is_number(cell: str) -> bool:
    return not cell or cell.lstrip("+-").replace(".", "").replace(" ± ", "").rstrip("%").isdigit()
