"""The nodes of a grammar and their text in GBNF, llama.cpp's notation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a class; `spec` is what stands between the brackets."""

    spec: str


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`item`, from `low` to `high` times; without `high`, any number of times."""

    item: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    name: str


Node = Literal | Chars | Sequence | Choice | Repeat | Rule

NOTHING = Literal("")
DIGIT = Chars("0-9")


def sequence(*items: Node) -> Node:
    kept = tuple(item for item in items if item != NOTHING)
    return kept[0] if len(kept) == 1 else Sequence(kept) if kept else NOTHING


def choice(*items: Node) -> Node:
    unique = tuple(dict.fromkeys(items))
    return unique[0] if len(unique) == 1 else Choice(unique)


def optional(item: Node) -> Node:
    return NOTHING if item == NOTHING else Repeat(item, 0, 1)


def render(rules: dict[str, Node]) -> str:
    """The rules as GBNF, `root` among them."""
    return "\n".join(f"{name} ::= {_text(node)}" for name, node in rules.items()) + "\n"


def _text(node: Node) -> str:
    match node:
        case Literal(text):
            return f'"{_escape(text)}"'
        case Chars(spec):
            return f"[{spec}]"
        case Rule(name):
            return name
        case Sequence(items):
            return " ".join(_text(item) for item in items)
        case Choice(items):
            return "(" + " | ".join(_text(item) for item in items) + ")"
        case Repeat(item, low, high):
            body = f"({_text(item)})" if isinstance(item, Sequence) else _text(item)
            return body + _times(low, high)


def _times(low: int, high: int | None) -> str:
    if high is None:
        return {0: "*", 1: "+"}.get(low, f"{{{low},}}")
    if (low, high) == (0, 1):
        return "?"
    return f"{{{low},{high}}}" if low != high else f"{{{low}}}"


def _escape(text: str) -> str:
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join(named.get(char) or (char if char.isprintable() else f"\\U{ord(char):08X}") for char in text)
