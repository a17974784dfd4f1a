"""Tables: best values in bold, estimates aside, Markdown."""

from __future__ import annotations

import pytest

from rdr_core.evaluation.tables import Row, Table, markdown

TABLE = Table(
    "Faces",
    ("common", "full"),
    (
        Row("old", (3.0, None), "a paper"),
        Row("guess", (1.0, 1.0), about=True),
        Row("new | bold", (2.001, 4.0)),
        Row("other", (2.0, None)),
    ),
    "Less is better.",
)


def test_markdown() -> None:
    assert markdown(TABLE).splitlines() == [
        "## Faces",
        "",
        "| method | common | full | source |",
        "|---|---:|---:|---|",
        "| old | 3.00 | - | a paper |",
        "| guess | ~1.00 | ~1.00 |  |",
        "| new \\| bold | **2.00** | 4.00 |  |",
        "| other | **2.00** | - |  |",
        "",
        "Less is better.",
    ]


def test_best_is_as_written_and_needs_something_to_compare_with() -> None:
    """2.001 and 2.0 are both written 2.00; a column with one value has no best."""
    assert TABLE.best() == (2.0, None)
    assert Table("x", ("a",), (Row("only", (1.0,), about=True),)).best() == (None,)


def test_tables_that_are_not_ranked_have_nothing_bold() -> None:
    assert "**" not in markdown(Table("x", ("a",), (Row("one", (1.0,)), Row("two", (2.0,))), ranked=False))


def test_rows_are_added_at_the_end() -> None:
    longer = TABLE.with_rows([Row("ours", (1.5, 3.0))])
    assert [row.name for row in longer.rows][-2:] == ["other", "ours"]
    assert longer.best() == (1.5, 3.0)
    assert len(TABLE.rows) == 4


def test_a_row_has_a_value_for_each_column() -> None:
    with pytest.raises(ValueError, match="Faces: short has 1 values, expected 2"):
        TABLE.with_rows([Row("short", (1.0,))])
