from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mltui.core.errors import ToolError
from mltui.tools.text_codec import TextFile, decode, is_binary
from mltui.tools.text_edit import counts, no_match, replace, unified_diff

lines = st.lists(st.text(alphabet="ab \tλ", max_size=6), min_size=1, max_size=8)
printable = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=40)


@given(before=printable, old=printable.filter(bool), after=printable, new=printable)
def test_a_unique_match_is_replaced_as_python_would(before: str, old: str, after: str, new: str) -> None:
    text = before + old + after
    assume(text.count(old) == 1 and text.find(old) == text.rfind(old) and old != new)
    assert replace(text, old, new, every=False, newline="\n") == text.replace(old, new)


@given(
    text=st.text(alphabet="ab\n", max_size=30),
    old=st.text(alphabet="ab\n", min_size=1, max_size=3),
    new=st.text(alphabet="ab\n", max_size=3),
)
def test_it_agrees_with_python_on_all_lf_text(text: str, old: str, new: str) -> None:
    assume(old != new)
    starts = sum(text.startswith(old, index) for index in range(len(text)))
    if text.count(old) == 1:
        assert starts >= 1
        assert replace(text, old, new, every=False, newline="\n") == text.replace(old, new)
    else:
        with pytest.raises(ToolError):
            replace(text, old, new, every=False, newline="\n")
    if old in text:
        assert replace(text, old, new, every=True, newline="\n") == text.replace(old, new)


@given(content=lines, data=st.data())
def test_crlf_files_are_edited_as_their_lf_twins(content: list[str], data: st.DataObject) -> None:
    lf = "\n".join(content)
    start = data.draw(st.integers(0, len(lf)))
    end = data.draw(st.integers(start, len(lf)))
    old, new = lf[start:end], data.draw(st.text(alphabet="xy\n", max_size=6))
    assume(old and old != new and lf.count(old) == 1)
    crlf = lf.replace("\n", "\r\n")
    assume("\r\n" in crlf)
    edited = replace(crlf, old, new, every=False, newline="\r\n")
    assert edited == replace(lf, old, new, every=False, newline="\n").replace("\n", "\r\n")


@given(
    content=st.lists(st.tuples(st.text(alphabet="abc", max_size=4), st.sampled_from(["\n", "\r\n"])), min_size=2, max_size=8),
    data=st.data(),
)
def test_what_is_outside_the_match_stays_to_the_byte(content: list[tuple[str, str]], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(content) - 2))
    marked = [(f"<{index}>{line}", ending) for index, (line, ending) in enumerate(content)]
    text = "".join(line + ending for line, ending in marked)
    old = f"{marked[number][0]}\n{marked[number + 1][0]}"
    edited = replace(text, old, "NEW", every=False, newline="\n")
    before = "".join(line + ending for line, ending in marked[:number])
    after = marked[number + 1][1] + "".join(line + ending for line, ending in marked[number + 2 :])
    assert edited == f"{before}NEW{after}"


def test_new_lines_take_over_the_endings_of_what_they_replace() -> None:
    assert replace("a\r\nb\r\nc\r\n", "b\nc", "x\ny\nz", every=False, newline="\r\n") == "a\r\nx\r\ny\r\nz\r\n"
    assert replace("a\r\nb\r\n", "b", "x\ny", every=False, newline="\r\n") == "a\r\nx\r\ny\r\n"
    assert replace("a\nb\n", "a\r\nb", "x\r\ny", every=False, newline="\n") == "x\ny\n"


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("def train(lr=0.2):\n    pass", "     2\tdef train(lr=0.1):"),
        ("def  train(lr=0.1):\n  return 1", "white space alone"),
        ("     2\tdef train(lr=0.1):", "leave out the number"),
        ("completely different ###", "nor anything like it"),
    ],
)
def test_a_failed_match_helps_the_next_try(old: str, said: str) -> None:
    text = "import os\ndef train(lr=0.1):\n    return 1\n"
    with pytest.raises(ToolError, match="not in the file") as caught:
        replace(text, old, "x", every=False, newline="\n")
    assert said in str(caught.value)


def test_several_matches_are_named_by_line() -> None:
    with pytest.raises(ToolError, match=r"3 times \(lines 1, 2, 4\)"):
        replace("x\nx\ny\nx", "x", "z", every=False, newline="\n")


def test_nothing_to_change_is_refused() -> None:
    with pytest.raises(ToolError, match="the same"):
        replace("a", "a", "a", every=False, newline="\n")


@given(text=st.text(max_size=200), old=st.text(min_size=1, max_size=60))
def test_the_advice_never_fails(text: str, old: str) -> None:
    assert "old_string" in no_match(text, old)


@given(data=st.binary(max_size=200))
def test_decoding_loses_nothing(data: bytes) -> None:
    if not is_binary(data):
        file = decode(data)
        assert file.encode(file.text) == data


@given(text=st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"))), encoding=st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_a_byte_order_mark_tells_the_encoding(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_latin_1_says_what_it_cannot_hold() -> None:
    file = decode("caf\xe9 cr\xe8me".encode("latin-1"))
    assert file.encoding == "latin-1"
    with pytest.raises(ToolError, match="λ"):
        file.encode("λ")


def test_binary_is_told_from_text() -> None:
    assert is_binary(b"\x7fELF\x00\x01")
    assert is_binary(bytes(range(128, 256)) + bytes(range(1, 32)) * 3)
    assert not is_binary(b"")
    assert not is_binary("λ\x1b[31m".encode())
    with pytest.raises(ToolError, match="binary"):
        decode(b"\0")


@given(before=lines, after=lines)
def test_a_diff_counts_what_it_shows(before: list[str], after: list[str]) -> None:
    diff = unified_diff("f", "\n".join(before), "\n".join(after))
    added, removed = counts(diff)
    old, new = "\n".join(before), "\n".join(after)
    assert (diff == "") == (old == new)
    assert added - removed == len(re.findall(r"[^\n]*\n|[^\n]+", new)) - len(re.findall(r"[^\n]*\n|[^\n]+", old))


def test_the_dominant_line_ending() -> None:
    assert TextFile("a\r\nb\r\nc\n").newline == "\r\n"
    assert TextFile("a\nb\r\nc\n").newline == "\n"
