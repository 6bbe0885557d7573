"""Laying out: nothing is wider than asked, nothing hostile survives, nothing is lost."""

from __future__ import annotations

import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from helpdesk_tui.panes.chat import markdown
from helpdesk_tui.paper import Block, Span, block, clip, lay_out, plain, whole
from helpdesk_tui.rows import Column, Row, line_of, matches, widths

HOSTILE = "[/x] [bold]b[/] \x1b[31mred\x1b[0m \u202egnp.exe \x07 \u200bz"
CONTROL = {*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0)), "\u202e", "\u2066", "\u200b"} - {
    "\n",
    "\t",
}


@settings(max_examples=200)
@given(st.text(max_size=300), st.integers(min_value=12, max_value=100))
def test_no_line_is_wider_than_the_paper(text: str, width: int) -> None:
    for line in lay_out([block(text, first="• "), Block((Span(text),), wrap=False)], width):
        assert sum(cell_len(span.text) for span in line) <= width


@settings(max_examples=200)
@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=200), st.integers(12, 60))
def test_wrapping_loses_no_character(text: str, width: int) -> None:
    assert "".join(plain(lay_out([block(text)], width)).split()) == "".join(text.split())


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.text("ab", min_size=1, max_size=9), st.text("xy", min_size=1, max_size=9))),
    st.integers(21, 60),
)
def test_a_label_stays_on_the_line_of_its_value(pairs: list[tuple[str, str]], width: int) -> None:
    spans = [
        part for name, value in pairs for part in (Span(f"{name} ", glued=True), Span(value), Span(" · "))
    ]
    lines = [line.strip() for line in plain(lay_out([block(*spans)], width)).splitlines()]
    assert [part.strip() for line in lines for part in line.split("·") if part] == [
        f"{name} {value}" for name, value in pairs
    ]


@settings(max_examples=200)
@given(st.text(max_size=200), st.integers(min_value=1, max_value=80))
def test_a_clipped_text_fits_and_is_one_line(text: str, width: int) -> None:
    short = clip(text, width)
    assert cell_len(short) <= width
    assert "\n" not in short and "\t" not in short


def test_hostile_text_is_made_visible() -> None:
    shown = plain(lay_out([block(HOSTILE)], 200))
    assert not CONTROL & set(shown)
    assert "[/x] [bold]b[/]" in shown and "\\x1b[31m" in shown and "\\u202e" in shown
    assert not CONTROL & set(clip(HOSTILE, 200))


def test_a_megabyte_is_cut_quickly_and_says_so() -> None:
    for text in ("x" * 1_000_000, "wide 表 " * 200_000, "\n" * 1_000_000):
        begin = time.perf_counter()
        shown = plain(lay_out([block(text)], 80))
        assert time.perf_counter() - begin < 20.0
        assert len(shown.splitlines()) < 1000
        assert "not shown" in shown


def test_a_copy_has_what_the_screen_cuts() -> None:
    text = "word\x1b[2J " * 100_000
    made = [block(Span(text), first="query  "), Block((Span("y" * 500),), wrap=False)]
    assert "not shown" in plain(lay_out(made, 80))
    assert whole(made).splitlines() == [f"query  {text}".replace("\x1b", "\\x1b").rstrip(), "y" * 500]


def test_wrapped_words_keep_their_margin_and_tone() -> None:
    lines = lay_out([Block((Span("one two three four five six", "bad"),), "- ", "  ")], 12)
    assert [line[0].text for line in lines] == ["- ", *["  "] * (len(lines) - 1)]
    assert {span.tone for line in lines for span in line[1:]} == {"bad"}


def test_markdown_keeps_links_images_and_html_as_the_characters_they_are() -> None:
    text = "see [here](https://evil.example/x) ![p](https://evil.example/i.png) <b>now</b> <idle> [/x]"
    shown = plain(lay_out(markdown.blocks(text), 200))
    assert shown == text


def test_markdown_has_lists_code_tables_and_headings() -> None:
    text = "# Head\n\ntext **strong** `code`\n\n- one\n  - two\n\n3. three\n\n```sql\nSELECT 1;\n```\n\n|a|b|\n|-|-|\n|1|22|\n"
    shown = plain(lay_out(markdown.blocks(text), 60)).splitlines()
    assert shown == [
        "Head", "", "text strong code", "", "• one", "  ◦ two", "", "3. three", "",
        "  SELECT 1;", "", "a  b", "─  ──", "1  22",
    ]  # fmt: skip


def test_a_long_answer_is_cut_and_says_so() -> None:
    shown = plain(lay_out(markdown.blocks("word " * 100_000), 80))
    assert "more characters are not shown" in shown


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(0, 10_000))
def test_a_growing_answer_ends_as_the_whole_one(step: int, seed: int) -> None:
    parts = [
        "# Head",
        "text *two*\nlines",
        "- a\n- b\n\n  c",
        "```sql\nSELECT 1;\n\nSELECT 2;\n```",
        "Word",
        "> quote",
        "1. x",
    ]
    random.Random(seed).shuffle(parts)
    text = "\n\n".join(parts)
    growing = markdown.Growing()
    for start in range(0, len(text), step):
        growing.add(text[start : start + step])
        growing.blocks()
    assert plain(lay_out(growing.blocks(), 60)) == plain(lay_out(markdown.blocks(text), 60))


def test_columns_share_the_width_and_hide_where_there_is_no_room() -> None:
    columns = [
        Column("a"),
        Column("b", 5, "right"),
        Column("c", 4, from_width=40),
        Column("d", 3, below_width=40),
    ]
    assert widths(columns, 30) == [20, 5, 0, 3]
    assert widths(columns, 50) == [39, 5, 4, 0]
    row = Row("k", (Span("name"), Span("7"), Span("cc"), Span("dd")))
    assert (
        "".join(span.text for span in line_of(row, columns, widths(columns, 30)))
        == "name" + " " * 16 + " " + "    7 dd "
    )


def test_a_filter_wants_every_word_whatever_the_case() -> None:
    assert matches("Locks tree ORDERS", "orders lock")
    assert not matches("Locks tree", "orders lock")
