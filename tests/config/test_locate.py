from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from mltui.config.locate import dotted, line_of

TEXT = '''\
# a comment
top = 1

[a.b]
list = [
  1,  # [not.a.header]
  2,
]
text = """
c = 3
[x]
"""
c.d = { e = { f = 1 } }
[[t]]
n = 1
[[t]]
n = 2
[t.u]
v = 3
["quo.ted"]
key = 1
'''


def test_keys_are_found_wherever_toml_lets_them_stand() -> None:
    tomllib.loads(TEXT)
    places = {
        ("top",): 2,
        ("a",): 4,
        ("a", "b"): 4,
        ("a", "b", "list"): 5,
        ("a", "b", "list", 1): 5,
        ("a", "b", "text"): 9,
        ("a", "b", "c", "d", "e", "f"): 13,
        ("t", 0, "n"): 15,
        ("t", 1, "n"): 17,
        ("t", 1, "u", "v"): 19,
        ("quo.ted", "key"): 21,
        ("a", "b", "missing"): 4,
        ("missing",): None,
    }
    assert {path: line_of(TEXT, path) for path in places} == places


keys = st.text("abc-_ .é\"'", min_size=1, max_size=4)


@given(st.lists(keys, min_size=1, max_size=4), st.integers(0, 5), st.integers(0, 5))
def test_a_key_as_it_is_written_is_found_on_its_line(path: list[str], blank: int, nested: int) -> None:
    header, rest = path[: min(nested, len(path) - 1)], path[min(nested, len(path) - 1) :]
    lines = [*[""] * blank, *([f"[{dotted_toml(header)}]"] if header else []), f"{dotted_toml(rest)} = 1"]
    assert line_of("\n".join(lines), tuple(path)) == len(lines)


def dotted_toml(path: list[str]) -> str:
    text = dotted(tuple(path))
    node = tomllib.loads(f"{text} = 1")
    for key in path:
        node = node[key]
    assert node == 1
    return text
