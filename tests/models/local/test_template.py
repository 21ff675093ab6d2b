"""A chat template is a program from a stranger: it renders, or it is stopped."""

from __future__ import annotations

import pytest

from mltui.models.local import template
from mltui.models.local.template import CHATML, ChatTemplate, TemplateError

USER = [{"role": "user", "content": "hi"}]


def render(source: str, monkeypatch: pytest.MonkeyPatch | None = None) -> str:
    return ChatTemplate(source, {"eos_token": "</s>"}).render(list(USER), None)


def test_renders_messages_and_variables() -> None:
    assert render("{{ messages[0]['content'] }}{{ eos_token }}") == "hi</s>"
    assert render(CHATML) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_json_is_plain() -> None:
    assert render("{{ {'a': '<é>', 'b': [1]} | tojson }}") == '{"a": "<é>", "b": [1]}'


def test_generation_marks_are_nothing() -> None:
    assert render("{% generation %}x{% endgeneration %}{% for i in [1, 2] %}{{ i }}{% break %}{% endfor %}") == "x1"


def test_the_clock_stands_still() -> None:
    assert render("{{ strftime_now('%H:%M:%S:%f') }}") == render("{{ strftime_now('%H:%M:%S:%f') }}")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ messages.__class__.__mro__ }}", "SecurityError"),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "SecurityError"),
        ("{{ raise_exception.__globals__['os'] }}", "SecurityError"),
        ("{{ self._TemplateReference__context }}{{ cycler.__init__.__globals__.os.system('true') }}", "SecurityError|Undefined"),
        ("{{ messages.append(1) }}", "SecurityError"),
        ("{% include '/etc/passwd' %}", "TypeError|TemplateNotFound|no loader"),
        ("{{ raise_exception('only one turn') }}", "refuses the conversation: only one turn"),
        ("{{ range(10**9) | list }}", "OverflowError"),
        ("{{ 'x' * 10**10 }}", "SecurityError"),
        ("{{ 10**(10**8) }}", "SecurityError"),
        ("{{ '%999999999999d' % 1 }}", "memory|Overflow|ValueError|too"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recurses"),
        ("{{ missing.attribute }}", "UndefinedError"),
    ],
    ids=str.split("syntax mro subclasses globals context append include raise range repeat power format recursion undefined"),
)
def test_attacks_and_mistakes_end_in_a_template_error(source: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        render(source)


def test_a_loop_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "RENDER_SECONDS", 0.3)
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="takes longer"):
        render(loop)
    assert render("after{{ 1 }}") == "after1"
