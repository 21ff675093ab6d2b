from __future__ import annotations

import codecs

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mltui.core.errors import InvalidArgumentsError, ToolError
from mltui.tools.base import spec
from mltui.tools.edit import Edit, EditArgs, OneEdit, edited, outcome_of
from mltui.tools.preview import digest, outcome, preview
from mltui.tools.text_edit import replace
from mltui.tools.tolerant_edit import change
from mltui.tools.validation import validate
from tests.tools.conftest import Agent

CODE = "class A:\n    def f(self):\n        x = 1  \n        return x\n\n    def g(self):\n        return 2\n"


def _change(text: str, old: str, new: str) -> tuple[str, str]:
    changed = change(text, old, new, every=False, newline="\n")
    return changed.text, changed.note


def test_white_space_at_the_end_is_tolerated_and_said() -> None:
    text, note = _change(CODE, "        x = 1\n        return x", "        x = 1\n        return x + 1")
    assert text == CODE.replace("return x\n", "return x + 1\n")
    assert "lines 3–4" in note and "end of lines" in note
    assert _change("a\nb", "b \n", "c\n")[0] == "a\nc"
    assert _change("a\nb \nc\n", "a\nb\n", "")[0] == "c\n"


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        (
            "def g(self):\n    return 2",
            "def g(self):\n    if self:\n        return 3\n    return 2",
            "        if self:\n            return 3\n        return 2",
        ),
        ("  def g(self):\n      return 2", "  def g(self):\n      return 3", "        return 3"),
        ("        def g(self):\n            return 2", "        def g(self):\n            return 4", "        return 4"),
        ("\tdef g(self):\n\t\treturn 2", "\tdef g(self):\n\t\tif 1:\n\t\t\treturn 5", "        if 1:\n            return 5"),
        ("def g(self):\n\treturn 2", "def g(self):\n\treturn 6", "        return 6"),
    ],
)
def test_indentation_is_tolerated_and_kept(old: str, new: str, left: str) -> None:
    text, note = _change(CODE, old, new)
    assert text == CODE.replace("        return 2", left)
    assert "indented likewise" in note


def test_tabs_in_the_file_stay_tabs() -> None:
    text = "if a:\n\tif b:\n\t\tc()\n"
    assert (
        _change(text, "    if b:\n        c()", "    if b:\n        for d in e:\n            c(d)")[0]
        == "if a:\n\tif b:\n\t\tfor d in e:\n\t\t\tc(d)\n"
    )
    with_crlf = text.replace("\n", "\r\n")
    assert (
        _change(with_crlf, "    if b:\n        c()\n", "    if b:\n        d()\n        e()\n")[0]
        == "if a:\r\n\tif b:\r\n\t\td()\r\n\t\te()\r\n"
    )


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("  a\n  b\n\n  a\n  b\n", "a\nb", "c"),  # two places
        ("  a\n    b\n", "a\nb", "c\nd"),  # indentation differs from line to line
        ("x\n  a\n", "    a", "  a"),  # an edit of white space
        ("  a\n  b\n", "      a\n      b", "      a\n b2"),  # cannot be indented likewise
        ("a  \n", "a\n", "b"),  # would join two lines
        ("f( x )\n", "f(x)", "g(x)"),  # white space inside a line
        ("a\n", "\n \n", "b"),  # nothing but white space
    ],
)
def test_what_is_not_clear_is_refused(text: str, old: str, new: str) -> None:
    with pytest.raises(ToolError, match="old_string"):
        _change(text, old, new)


def test_several_tolerable_places_are_named() -> None:
    with pytest.raises(ToolError, match=r"2 places .*lines 1, 4"):
        _change("  a\n  b\n\n  a\n  b\n", "a\nb", "c")
    # The closer place wins over the farther one.
    assert _change("a \nb\n\n  a\n  b\n", "a\nb", "c")[0] == "c\n\n  a\n  b\n"


lines = st.lists(st.text(alphabet="ab \t", max_size=5), min_size=1, max_size=7)


@given(content=lines, old=st.text(alphabet="ab \t\n", min_size=1, max_size=8), new=st.text(alphabet="xy \n", max_size=6))
def test_an_exact_hit_never_goes_the_tolerant_way(content: list[str], old: str, new: str) -> None:
    text = "\n".join(content)
    assume(old in text and old != new)
    try:
        expected = replace(text, old, new, every=False, newline="\n")
    except ToolError as error:
        with pytest.raises(ToolError, match=r"there \d+ times"):
            _change(text, old, new)
        assert "times" in str(error)
    else:
        assert _change(text, old, new) == (expected, "")


@given(content=lines, data=st.data())
def test_a_tolerant_edit_changes_only_the_lines_it_names(content: list[str], data: st.DataObject) -> None:
    marked = [f"{line}<{number}>" for number, line in enumerate(content)]
    number = data.draw(st.integers(0, len(marked) - 1))
    blanks = data.draw(st.text(alphabet=" \t", min_size=1, max_size=3))
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    text = newline.join([*marked, ""])
    changed = change(text, f"{marked[number]}{blanks}", "NEW\nNEW", every=False, newline=newline)
    assert changed.text == newline.join([*marked[:number], "NEW", "NEW", *marked[number + 1 :], ""])
    assert changed.note


@given(
    words=st.lists(st.text(alphabet="abcé", min_size=1, max_size=4), min_size=2, max_size=6),
    encoding=st.sampled_from(
        [
            ("utf-8", b""),
            ("utf-8", codecs.BOM_UTF8),
            ("utf-16-le", codecs.BOM_UTF16_LE),
            ("utf-16-be", codecs.BOM_UTF16_BE),
            ("latin-1", b""),
        ]
    ),
    newline=st.sampled_from(["\n", "\r\n"]),
    ended=st.booleans(),
    loose=st.booleans(),
    data=st.data(),
)
def test_encoding_line_ends_and_final_newline_are_kept(
    words: list[str], encoding: tuple[str, bytes], newline: str, ended: bool, loose: bool, data: st.DataObject
) -> None:
    codec, mark = encoding
    marked = [f"é{word}{number}" for number, word in enumerate(words)]
    number = data.draw(st.integers(0, len(marked) - 1))

    def stored(of: list[str]) -> bytes:
        return mark + (newline.join(of) + (newline if ended else "")).encode(codec)

    args = EditArgs(file_path="f", old_string=marked[number] + (" " if loose else ""), new_string="ä\nö")
    assert edited(args, "f", stored(marked)) == stored([*marked[:number], "ä", "ö", *marked[number + 1 :]])


@given(
    text=st.text(alphabet="ab\n ", max_size=20),
    pairs=st.lists(st.tuples(st.text(alphabet="ab", min_size=1, max_size=2), st.text(alphabet="abc", max_size=2)), min_size=1, max_size=4),
)
def test_several_edits_are_the_single_ones_in_order_or_none(text: str, pairs: list[tuple[str, str]]) -> None:
    data: bytes | None = text.encode()
    try:
        for old, new in pairs:
            data = edited(EditArgs(file_path="f", old_string=old, new_string=new), "f", data)
    except ToolError:
        data = None
    several = EditArgs(file_path="f", edits=tuple(OneEdit(old_string=old, new_string=new) for old, new in pairs))
    if data is None:
        with pytest.raises(ToolError, match="None of the edits was made"):
            outcome_of(several, "f", text.encode())
    else:
        assert outcome_of(several, "f", text.encode()).data == data


async def test_several_edits_on_disk_and_in_the_draft(agent: Agent) -> None:
    path = agent.root / "a.py"
    path.write_text("a = 1\nb = 2\nif a:\n    b()\n")
    path.chmod(0o751)
    await agent.call("Read", file_path="a.py")
    good: list[dict[str, str]] = [{"old_string": "a = 1", "new_string": "a = 3"}, {"old_string": "a = 3\nb", "new_string": "a = 3\nc"}]
    with pytest.raises(ToolError, match=r"edit 3 of 3: .*nearest lines(.|\n)*b\(\)(.|\n)*None of the edits was made"):
        await agent.call("Edit", file_path="a.py", edits=[*good, {"old_string": "    b(x)", "new_string": "y"}])
    assert path.read_text().startswith("a = 1")
    result = await agent.call("Edit", file_path="a.py", edits=[*good, {"old_string": "if a: \n  b()", "new_string": "if a:\n  d()"}][:2])
    assert result.content == "a.py changed (+2 −2 lines)"
    result = await agent.call("Edit", file_path="a.py", old_string="\tb()  ", new_string="\td()")
    assert "\nNote: old_string was not there exactly; lines 4–4 were taken, which differ in tabs and spaces" in result.content
    assert result.details["tolerated"]
    assert path.read_text() == "a = 3\nc = 2\nif a:\n    d()\n"
    assert path.stat().st_mode & 0o777 == 0o751
    agent.staged.add(path)
    await agent.call("Edit", file_path="a.py", edits=[{"old_string": "3", "new_string": "4"}, {"old_string": "4", "new_string": "5"}])
    assert agent.draft.read(path) == b"a = 5\nc = 2\nif a:\n    d()\n"


async def test_the_first_of_several_may_create_the_file(agent: Agent) -> None:
    await agent.call("Edit", file_path="new", edits=[{"old_string": "", "new_string": "x\n"}, {"old_string": "x", "new_string": "y"}])
    assert (agent.root / "new").read_text() == "y\n"
    with pytest.raises(ToolError, match="edit 2 of 2: old_string is empty"):
        await agent.call("Edit", file_path="other", edits=[{"old_string": "", "new_string": "x\n"}, {"old_string": "", "new_string": "y"}])


def test_a_preview_shows_what_a_tolerant_edit_writes() -> None:
    args = EditArgs(file_path="f", edits=(OneEdit(old_string="\tx = 1", new_string="\tx = 2"),))
    before = b"if y:\r\n    x = 1\r\n"
    assert outcome(args, "f", before) == b"if y:\r\n    x = 2\r\n"
    assert "+    x = 2\r\n" in preview(args, "f", before, digest(before))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"old_string": "a"}, "'new_string' is missing"),
        ({"new_string": "a"}, "'old_string' is missing"),
        ({"edits": []}, "'old_string' is missing"),
        ({"old_string": "a", "new_string": "b", "edits": [{"old_string": "a", "new_string": "b"}]}, "not both"),
        ({"edits": [{"old_string": "a"}]}, "'edits.0.new_string' is missing"),
    ],
)
def test_one_edit_or_several(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidArgumentsError, match=said):
        validate(Edit(), {"file_path": "f", **arguments})  # type: ignore[dict-item]


def test_edits_as_text_are_read_and_the_schema_says_what_is_needed() -> None:
    args = validate(Edit(), {"file_path": "f", "edits": '[{"old_string": "a", "new_string": "b"}]'})
    assert isinstance(args, EditArgs) and len(args.steps) == 1
    assert spec(Edit()).parameters["required"] == ["file_path"]
