"""Which edits are no experiment, and which only look so."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.experiments.detection.equivalence import equivalent

SAME = {
    "comment": ("a.py", "x = 1\n", "x = 1  # one\n"),
    "formatting": ("a.py", "f(a,b)\n", "f(\n    a,\n    b,\n)\n"),
    "docstring": ("a.py", "def f():\n    'old'\n    return 1\n", "def f():\n    'new'\n    return 1\n"),
    "new docstring": ("a.py", "class A:\n    x = 1\n", "class A:\n    'doc'\n    x = 1\n"),
    "yaml comment": ("a.yaml", "a: 1\n", "# why\na: 1  # here\n"),
    "yaml flow": ("a.yml", "a: [1, 2]\n", "a:\n- 1\n- 2\n"),
    "yaml order of keys": ("a.yaml", "a: 1\nb: 2\n", "b: 2\na: 1\n"),
    "yaml quotes of a word": ("a.yaml", "a: cosine\n", "a: 'cosine'\n"),
    "toml": ("a.toml", "a = 1\nb = 2\n", "# c\nb = 2\na = 1\n"),
    "json": ("a.json", '{"a": 1, "b": [1]}', '{\n "b": [1],\n "a": 1\n}'),
    "ini": ("a.ini", "[s]\na = 1\n", "; c\n[s]\na=1\n"),
}
DIFFERENT = {
    "bool for int": ("a.py", "x = 1\n", "x = True\n"),
    "float for int": ("a.py", "x = 1\n", "x = 1.0\n"),
    "f-string": ("a.py", "x = f'{a} b'\n", "x = f'{a} c'\n"),
    "read docstring": ("a.py", "'old'\nprint(__doc__)\n", "'new'\nprint(__doc__)\n"),
    "signature": ("a.py", "import dspy\nclass A(dspy.Signature):\n    'old'\n", "import dspy\nclass A(dspy.Signature):\n    'new'\n"),
    "tool": ("a.py", "@function_tool\ndef f():\n    'old'\n    return 1\n", "@function_tool\ndef f():\n    'new'\n    return 1\n"),
    "tools of a model": (
        "a.py",
        "import openai\ndef f():\n    'old'\n    return 1\n",
        "import openai\ndef f():\n    'new'\n    return 1\n",
    ),
    "second string": ("a.py", "def f():\n    'a'\n    'b'\n", "def f():\n    'a'\n    'c'\n"),
    "interpreter": ("a.py", "#!/usr/bin/python3\nx = 1\n", "#!/usr/bin/python2\nx = 1\n"),
    "packages": ("a.py", "# /// script\n# dependencies = ['a']\n# ///\n", "# /// script\n# dependencies = ['b']\n# ///\n"),
    "own source": ("a.py", "import inspect\nprint(inspect.getsource(f))\n", "import inspect\nprint(inspect.getsource(f))  # c\n"),
    "jit types": (
        "a.py",
        "@torch.jit.script\ndef f(x):\n    # type: (int) -> int\n    return x\n",
        "@torch.jit.script\ndef f(x):\n    # type: (float) -> int\n    return x\n",
    ),
    "no python": ("a.py", "x = = 1\n", "x = = 1  # c\n"),
    "future": ("a.py", "x = 1\n", "from __future__ import annotations\nx = 1\n"),
    "yaml list order": ("a.yaml", "a: [1, 2]\n", "a: [2, 1]\n"),
    "yaml word with a meaning": ("a.yaml", "a: yes\n", "a: 'yes'\n"),
    "yaml number that is a word elsewhere": ("a.yaml", "a: 1e-5\n", "a: 0.00001\n"),
    "yaml key twice": ("a.yaml", "a: 1\na: 2\n", "a: 2\na: 1\n"),
    "json type": ("a.json", '{"a": 1}', '{"a": 1.0}'),
    "json key twice": ("a.json", '{"a": 1, "a": 2}', '{"a": 2, "a": 1}'),
    "toml type": ("a.toml", "a = 1\n", "a = true\n"),
    "text": ("prompt.txt", "a\n", "a \n"),
}


@pytest.mark.parametrize("case", SAME.values(), ids=SAME)
def test_the_same(case: tuple[str, str, str]) -> None:
    path, before, after = case
    assert equivalent(path, before.encode(), after.encode())


@pytest.mark.parametrize("case", DIFFERENT.values(), ids=DIFFERENT)
def test_different(case: tuple[str, str, str]) -> None:
    path, before, after = case
    assert equivalent(path, before.encode(), after.encode()) is None
    assert equivalent(path, before.encode(), before.encode()) == "unchanged"


def _notebook(*sources: str, output: str = "", kernel: str = "python3", tags: tuple[str, ...] = ()) -> bytes:
    cells = [
        {"cell_type": "code", "source": source, "outputs": [output], "execution_count": 3, "metadata": {"tags": list(tags)}}
        for source in sources
    ]
    return json.dumps({"cells": cells, "metadata": {"kernelspec": {"name": kernel}}}).encode()


def test_notebooks() -> None:
    before = _notebook("x = 1", "%time y = 2")
    assert equivalent("a.ipynb", before, _notebook("x = 1", "%time y = 2", output="3")) == "only outputs, counters or metadata changed"
    assert equivalent("a.ipynb", before, _notebook("x = 1  # c", "%time y = 2"))
    for other in (
        _notebook("x = 2", "%time y = 2"),
        _notebook("x = 1", "%time y = 3"),
        _notebook("x = 1"),
        _notebook("x = 1", "%time y = 2", kernel="r"),
        _notebook("x = 1", "%time y = 2", tags=("parameters",)),
        b"{",
    ):
        assert equivalent("a.ipynb", before, other) is None


HOSTILE = {
    "nested": b"x = " + b"-" * 100_000 + b"1\n",
    "chain": b"x = 1" + b"+1" * 100_000 + b"\n",
    "brackets": b"(" * 5_000 + b")" * 5_000,
    "nul": b"x = 1\0",
    "latin": "x = 'é'\n".encode("latin-1"),
    "cookie": b"# coding: nonsense\nx = 1\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_read_is_never_equivalent(content: bytes) -> None:
    for path in ("a.py", "a.ipynb", "a.json"):
        assert equivalent(path, content, content + b"\n# c\n") is None


def test_aliases_of_aliases_end() -> None:
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert equivalent("a.yaml", text.encode(), b"# c\n" + text.encode()) is None


@given(
    st.recursive(st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False), st.text()), lambda s: st.lists(s, max_size=3)),
    st.data(),
)
def test_a_changed_value_is_never_the_same(value: object, data: st.DataObject) -> None:
    other = data.draw(st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False), st.text()))
    same = repr(other) == repr(value)
    for path in ("a.py", "a.json"):
        before, after = ((f"x = {v!r}\n" if path == "a.py" else json.dumps({"x": v})).encode() for v in (value, other))
        assert (equivalent(path, before, after) is not None) == same
