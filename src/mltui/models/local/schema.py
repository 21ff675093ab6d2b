"""Grammars from JSON schemas: what a model may write as the arguments of a tool.

The JSON is canonical (one space after `:` and `,`, nothing else), so that a call that is rendered
again later has the text, and the tokens, with which it was sampled. Structure, `enum`, `const`,
lengths, counts and numeric ranges are enforced exactly; `pattern`, `format`, `multipleOf`,
`uniqueItems` and `not` are left to the tool's own validation. Properties that a schema does not
declare are not written, unless it declares none.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Callable, Mapping

from mltui.models.local import ranges
from mltui.models.local.gbnf import NOTHING, Chars, Literal, Node, Repeat, Rule, choice, optional, render, sequence
from mltui.models.local.jsontypes import JsonObject, JsonValue

MAX_DEPTH = 48
MAX_RULES = 4000
MAX_PROPERTIES = 100
MAX_REPEAT = 1500
"""llama.cpp refuses a repetition that unrolls to more than 2,000 rules; a larger `max` is not enforced."""


class SchemaError(ValueError):
    """The schema admits nothing, or cannot be written as a grammar."""


def arguments_grammar(parameters: JsonObject) -> str:
    """The grammar of a tool's arguments alone, after one optional space."""
    builder = _Builder(parameters)
    root = sequence(optional(Literal(" ")), builder.node(parameters, 0))
    return render({"root": root, **builder.rules})


def call_grammar(tools: Mapping[str, JsonObject]) -> str:
    """The grammar of what follows `<tool_call>`: a call of one of the tools, and the closing tag."""
    rules: dict[str, Node] = {}
    calls: list[Node] = []
    for name, parameters in tools.items():
        try:
            builder = _Builder(parameters, prefix=f"t{len(calls)}-")
            arguments = builder.node(parameters, 0)
        except SchemaError:
            # The call keeps its form; the tool itself refuses arguments that do not fit.
            builder = _Builder({}, prefix=f"t{len(calls)}-")
            arguments = builder.node({"type": "object"}, 0)
        rules |= builder.rules
        calls.append(sequence(Literal(f'{{"name": {_dump(name)}, "arguments": '), arguments, Literal("}")))
    space = Repeat(Chars(" \\n"), 0, 2)
    root = sequence(space, choice(*calls), space, optional(Literal("</tool_call>")), space)
    return render({"root": root, **rules})


def _dump(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


_CHAR = choice(
    Chars('^"\\\\\\x00-\\x1F\\x7F'),
    sequence(Literal("\\"), choice(Chars('"\\\\/bfnrt'), sequence(Literal("u"), Repeat(Chars("0-9a-fA-F"), 4, 4)))),
)
_NUMBER = sequence(
    optional(Literal("-")),
    choice(Literal("0"), sequence(Chars("1-9"), Repeat(Chars("0-9"), 0, ranges.OPEN_DIGITS - 1))),
    optional(sequence(Literal("."), Repeat(Chars("0-9"), 1, ranges.MAX_PLACES))),
    optional(sequence(Chars("eE"), optional(Chars("-+")), Repeat(Chars("0-9"), 1, 2))),
)


class _Builder:
    """Collects the rules of one schema; shared and recursive parts become rules of their own."""

    def __init__(self, root: JsonObject, prefix: str = "") -> None:
        self.rules: dict[str, Node] = {}
        self._root = root
        self._prefix = prefix
        self._references: dict[str, Rule] = {}
        self._numbers = itertools.count()

    def node(self, schema: JsonValue, depth: int) -> Node:
        if depth > MAX_DEPTH or len(self.rules) > MAX_RULES:
            raise SchemaError("it is nested too deeply or too large")
        if schema is True or schema == {}:
            return self._any()
        if not isinstance(schema, dict):
            raise SchemaError("a part of it admits no value")
        if isinstance(reference := schema.get("$ref"), str):
            return self._reference(reference, depth)
        if "const" in schema:
            return Literal(_dump(schema["const"]))
        if isinstance(values := schema.get("enum"), list):
            if not values:
                raise SchemaError("an enum in it is empty")
            return choice(*(Literal(_dump(value)) for value in values))
        if parts := schema.get("allOf"):
            return self.node(self._merged(schema, "allOf", _list(parts)), depth + 1)
        for keyword in ("oneOf", "anyOf"):
            if branches := _list(schema.get(keyword)):
                return self._branches(schema, keyword, branches, depth)
        return self._typed(schema, depth)

    def _typed(self, schema: JsonObject, depth: int) -> Node:
        kind = schema.get("type")
        if isinstance(kind, list):
            return choice(*(self._typed({**schema, "type": one}, depth) for one in kind))
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else None
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return self._string(schema)
            case "integer" | "number":
                return _number(schema, whole=kind == "integer")
            case "boolean":
                return choice(Literal("true"), Literal("false"))
            case "null":
                return Literal("null")
            case _:
                return self._any()

    def _reference(self, reference: str, depth: int) -> Node:
        if known := self._references.get(reference):
            return known
        rule = self._references[reference] = self._rule()
        node = self.node(self._resolve(reference), depth + 1)
        if node == rule or (isinstance(node, Rule) and node.name not in self.rules):
            raise SchemaError(f"the reference {reference} leads back to itself")
        self.rules[rule.name] = node
        return rule

    def _resolve(self, reference: str) -> JsonValue:
        target: JsonValue = self._root
        head, _, path = reference.partition("#")
        if head:
            raise SchemaError(f"the reference {reference} leads outside of it")
        for step in path.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, dict) or key not in target:
                raise SchemaError(f"the reference {reference} leads nowhere")
            target = target[key]
        return target

    def _merged(self, schema: JsonObject, keyword: str, parts: list[JsonValue]) -> JsonObject:
        """The schema with the parts folded in, as far as they are plain schemas."""
        merged: JsonObject = {key: value for key, value in schema.items() if key != keyword}
        for part in parts:
            if isinstance(part, dict) and isinstance(reference := part.get("$ref"), str):
                part = self._resolve(reference)
            if not isinstance(part, dict):
                continue
            properties = {**_dict(merged.get("properties")), **_dict(part.get("properties"))}
            required = [*_list(merged.get("required")), *_list(part.get("required"))]
            merged |= part
            if properties:
                merged["properties"] = properties
            if required:
                merged["required"] = required
        return merged

    def _branches(self, schema: JsonObject, keyword: str, branches: list[JsonValue], depth: int) -> Node:
        nodes: list[Node] = []
        for branch in branches:
            merged = self._merged(schema, keyword, [branch]) if isinstance(branch, dict) else branch
            if keyword == "oneOf" and isinstance(branch, dict) and isinstance(merged, dict):
                _drop_others(merged, branch, branches)
            nodes.append(self.node(merged, depth + 1))
        return choice(*nodes)

    def _object(self, schema: JsonObject, depth: int) -> Node:
        properties = dict(_dict(schema.get("properties")))
        required = {name for name in _list(schema.get("required")) if isinstance(name, str)}
        for name in required - properties.keys():
            properties[name] = True
        low, high = _bounds(schema, "minProperties", "maxProperties")
        if not properties:
            extra = schema.get("additionalProperties", True)
            if extra is False:
                return Literal("{}")
            pair = sequence(self._string({}), Literal(": "), self.node(extra, depth + 1))
            return _listed("{", pair, "}", low, high)
        pairs = {name: sequence(Literal(f"{_dump(name)}: "), self.node(value, depth + 1)) for name, value in properties.items()}
        start = self._members(list(pairs.items()), required, low, high)
        return sequence(Literal("{"), start, Literal("}"))

    def _members(self, pairs: list[tuple[str, Node]], required: set[str], low: int, high: int | None) -> Node:
        """The properties, in their order, as many as there must and may be."""
        if len(pairs) > MAX_PROPERTIES:
            raise SchemaError(f"an object in it has more than {MAX_PROPERTIES} properties")
        # Beyond this many it no longer matters how many were written.
        cap = max(1, low if high is None else high)

        @functools.cache
        def after(index: int, count: int) -> Node | None:
            alternatives: list[Node] = []
            for position in range(index, len(pairs)):
                name, pair = pairs[position]
                if (high is None or count < high) and (rest := after(position + 1, min(count + 1, cap))) is not None:
                    alternatives.append(sequence(Literal(", " if count else ""), pair, rest))
                if name in required:
                    break
            else:
                if count >= low:
                    alternatives.append(NOTHING)
            node = choice(*alternatives) if alternatives else None
            return node if node is None or node == NOTHING else self._rule(node)

        members = after(0, 0)
        if members is None:
            raise SchemaError("an object in it cannot have as many properties as it must")
        return members

    def _array(self, schema: JsonObject, depth: int) -> Node:
        low, high = _bounds(schema, "minItems", "maxItems")
        if prefix := _list(schema.get("prefixItems")):
            nodes = [self.node(item, depth + 1) for item in prefix]
            parts = [node for item in nodes for node in (Literal(", "), item)][1:]
            return sequence(Literal("["), *parts, Literal("]"))
        item = self.node(schema.get("items", True), depth + 1)
        return _listed("[", item if isinstance(item, Rule) else self._rule(item), "]", low, high)

    def _string(self, schema: JsonObject) -> Node:
        low, high = _bounds(schema, "minLength", "maxLength")
        char = self._shared("char", _CHAR)
        body = sequence(Literal('"'), Repeat(char, low, high), Literal('"'))
        return self._shared(f"string-{low}-{high if high is not None else 'any'}", body)

    def _any(self) -> Node:
        value = Rule(f"{self._prefix}value")
        if value.name not in self.rules:
            self.rules[value.name] = Literal("")
            pair = sequence(self._string({}), Literal(": "), value)
            self.rules[value.name] = choice(
                self._string({}),
                _NUMBER,
                choice(Literal("true"), Literal("false"), Literal("null")),
                _listed("[", value, "]", 0, None),
                _listed("{", pair, "}", 0, None),
            )
        return value

    def _rule(self, node: Node | None = None) -> Rule:
        rule = Rule(f"{self._prefix}r{next(self._numbers)}")
        if node is not None:
            self.rules[rule.name] = node
        return rule

    def _shared(self, name: str, node: Node) -> Rule:
        rule = Rule(self._prefix + name)
        self.rules.setdefault(rule.name, node)
        return rule


def _listed(opening: str, item: Node, closing: str, low: int, high: int | None) -> Node:
    """Items between brackets, separated by a comma and a space."""
    if high == 0:
        return Literal(opening + closing)
    more = Repeat(sequence(Literal(", "), item), max(0, low - 1), None if high is None else high - 1)
    body = sequence(item, more) if high != 1 else item
    return sequence(Literal(opening), body if low else optional(body), Literal(closing))


def _number(schema: JsonObject, *, whole: bool) -> Node:
    low, open_low = _limit(schema, "minimum", "exclusiveMinimum", max)
    high, open_high = _limit(schema, "maximum", "exclusiveMaximum", min)
    if whole:
        first = None if low is None else int(low) + (1 if low > int(low) or (open_low and low == int(low)) else 0)
        last = None if high is None else int(high) - (1 if high < int(high) or (open_high and high == int(high)) else 0)
        node = ranges.integer(first, last)
    elif low is None and high is None:
        return _NUMBER
    else:
        node = ranges.decimal(low, high, open_low=open_low, open_high=open_high)
    if node is None:
        raise SchemaError(f"no number lies between {low} and {high}")
    return node


def _limit(schema: JsonObject, inclusive: str, exclusive: str, tighter: Callable[[float, float], float]) -> tuple[float | None, bool]:
    """The bound of a numeric range, and whether the bound itself is left out."""
    closed, opened = schema.get(inclusive), schema.get(exclusive)
    if isinstance(opened, bool):
        # Draft 4: a flag on the inclusive bound.
        return _finite(closed), opened
    at, past = _finite(closed), _finite(opened)
    if at is None or past is None:
        return (past, True) if at is None and past is not None else (at, False)
    return (past, True) if tighter(at, past) == past else (at, False)


def _finite(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _bounds(schema: JsonObject, low_key: str, high_key: str) -> tuple[int, int | None]:
    low, high = _finite(schema.get(low_key)), _finite(schema.get(high_key))
    least, most = max(0, int(low or 0)), None if high is None else int(high)
    if least > MAX_REPEAT:
        raise SchemaError(f"{low_key} is more than {MAX_REPEAT:,}")
    if most is not None and most < least:
        raise SchemaError(f"{high_key} is less than {low_key}")
    return least, most if most is None or most <= MAX_REPEAT else None


def _drop_others(merged: JsonObject, branch: JsonObject, branches: list[JsonValue]) -> None:
    """Takes out the properties that only another branch requires: with them, two branches of a `oneOf` would match."""
    mine = _list(branch.get("required"))
    others = [name for other in branches if isinstance(other, dict) for name in _list(other.get("required")) if name not in mine]
    own = _dict(branch.get("properties"))
    merged["properties"] = {name: value for name, value in _dict(merged.get("properties")).items() if name in own or name not in others}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _dict(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
