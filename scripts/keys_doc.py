"""Writes docs/keys.md from the key map; `tests/tui/test_keys.py` fails when it is stale."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from mltui.ui.tui.keys import names
from mltui.ui.tui.keys.table import keys

DOCUMENT = Path(__file__).parent.parent / "docs" / "keys.md"
_HEAD = """# Keys

<!-- Written by `just keys` from the key map: change the bindings, not this page. -->

F1, or `?` where nothing is typed, shows these in the app, as you have mapped them; `mltui config keys` lists them.
The line at the bottom of the app shows those that matter where the focus is.

## Changing them

`keys.toml` in your configuration folder (`mltui config path` says where) maps an id to a key, or to several:

```toml
"transcript.search" = "ctrl+f,slash"
"app.palette" = ["f5"]
```

`mltui config keys --default` prints a file to start from, `mltui config keys --check` says what is wrong with yours: an id
or a key that does not exist, one key for two things in one place, a key that tmux, screen or the terminal keeps to itself.
What is wrong does not count, and is told when the app starts; the rest counts.

The letters that answer a question are fixed, and stand on its last line: a mapping that made one of them another answer would be
noticed too late. So are Enter and Tab where you type. The keys of a diff (`diff.…`) hold in a question as you map them, unless they
are one of its letters.

Keys are written as `ctrl+p`, `alt+up`, `shift+tab`, `f5`, `pageup`, or as the sign itself: `/`, `?`, `[`.
"""


def document() -> str:
    parts = [_HEAD]
    for where, found in groupby(keys(), lambda key: key.where):
        rows = [f"| {_cell(names.all_shown(key.keys))} | {_cell(key.what)} | {f'`{key.id}`' if key.id else 'fixed'} |" for key in found]
        parts.append("\n".join([f"## {where}", "", "| keys | what | id |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    print(f"{DOCUMENT} written", file=sys.stderr)
