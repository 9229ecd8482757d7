"""The one template evaluator."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.domain.template import (
    MAX_OUTPUT,
    Template,
    TemplateFailed,
    TemplateInvalid,
    render_template,
    template_problems,
)

VARIABLES: dict[str, Any] = {
    "input": {
        "city": "Zürich",
        "count": 3,
        "price": 1.5,
        "yes": True,
        "none": None,
        "items": [{"id": 7}, {"id": 8}],
        "key with space": 1,
        "long": "x" * 100_000,
        "template": "{{run.id}}",
    },
    "results": {"fetch": {"body": {"user": {"name": "Ada"}}}, "my-step": [1, 2]},
    "run": {"id": "r1"},
    "idempotency_key": "k1",
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{input.count}}", 3),
        ("{{ input.price }}", 1.5),
        ("{{input.yes}}", True),
        ("{{input.none}}", None),
        ("{{input.items}}", [{"id": 7}, {"id": 8}]),
        ("{{input['key with space']}}", 1),
        ("{{input.items[1].id}}", 8),
        ("{{input.items[-1].id}}", 8),
        ("{{results.fetch.body.user.name}}", "Ada"),
        ("{{results['my-step'][0]}}", 1),
        ("{{ {'a': {'b': input.count}} }}", {"a": {"b": 3}}),
        ("{{input.count * 2 + 1}}", 7),
        ("{{input.missing | default('none given')}}", "none given"),
        ("{{'big' if input.count > 2 else 'small'}}", "big"),
        ("{{input.items | length}}", 2),
        ("{{ '}}' }}", "}}"),
    ],
)
def test_a_text_that_is_one_expression_keeps_the_values_type(text: str, value: object) -> None:
    assert render_template(text, VARIABLES) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a } b { c }} d {# e #}", "a } b { c }} d {# e #}"),
        ("hello {{input.city}}\n", "hello Zürich\n"),
        ("{{input.count}} ", "3 "),
        ("{{run.id}}/{{idempotency_key}}", "r1/k1"),
        ("is {{input.yes}}, {{input.none}}, {{input.items}}", 'is true, null, [{"id":7},{"id":8}]'),
        ("/{{input.city | urlencode}}", "/Z%C3%BCrich"),
        ('{"city": {{input.city | tojson}}}', '{"city": "Zürich"}'),
        ("x{{input.city | upper | replace('Z', 'S')}}", "xSÜRICH"),
        ("n {{[1, 2] | join('-')}}", "n 1-2"),
    ],
)
def test_an_expression_inside_a_text_becomes_text(text: str, value: str) -> None:
    assert render_template(text, VARIABLES) == value


def test_every_text_of_a_value_is_rendered_and_nothing_else() -> None:
    value = {"{{run.id}}": ["{{run.id}}", 1, None, {"deep": "{{input.count}}"}], "n": 1.5}

    assert render_template(value, VARIABLES) == {
        "{{run.id}}": ["r1", 1, None, {"deep": 3}],
        "n": 1.5,
    }


def test_a_value_that_looks_like_a_template_is_not_rendered_again() -> None:
    assert render_template("{{input.template}}", VARIABLES) == "{{run.id}}"
    assert render_template("x {{input.template}}", VARIABLES) == "x {{run.id}}"


@given(json_values)
def test_any_json_value_comes_through_unchanged(value: object) -> None:
    assert render_template("{{v}}", {"v": value}) == value
    assert render_template({"a": ["{{v}}"]}, {"v": value}) == {"a": [value]}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("{{nope}}", "'nope' is undefined"),
        ("{{input.town}}", "there is no 'town'"),
        ("x {{input.town}}", "there is no 'town'"),
        ("{{input.town.name}}", "there is no 'town'"),
        ("{{input.items[2]}}", "there is no 2"),
        ("{{input.city.upper}}", "there is no 'upper'"),
        ("{{input.count.real}}", "there is no 'real'"),
        ("{{results.other.body}}", "there is no 'other'"),
    ],
)
def test_what_is_not_there_is_named(text: str, missing: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        render_template(text, VARIABLES)

    assert missing in caught.value.message
    assert "{{" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "{{}}",
        "{{ }}",
        "{{a",
        "{{a b}}",
        "{{a.}}",
        "{{'a}}",
        "{{a | nope}}",
        "{{a | center(1000000000)}}",
        "{{a | map('upper')}}",
        "{{a()}}",
        "{{a.upper()}}",
        "{{'%s'.format(1)}}",
        "{{range(10)}}",
        "{{9 ** 9 ** 9}}",
        "{% if a %}x{% endif %}",
        "{{a}}{% for b in c %}",
        "{{'" + "x" * 1000 + "'}}",
        "{{" + "(" * 400 + "1" + ")" * 400 + "}}",
        "{{a}}" + "x" * 65_536,
    ],
)
def test_what_templates_may_not_do_is_refused_when_they_are_read(text: str) -> None:
    with pytest.raises(TemplateInvalid):
        Template(text)

    assert len(template_problems({"body": [text]})) == 1
    assert template_problems({"body": [text]})[0].startswith("body[0]: ")


@pytest.mark.parametrize(
    "text",
    [
        "{{input.__class__}}",
        "{{input['__class__']}}",
        "{{''.__class__.__mro__}}",
        "{{input.items.append}}",
        "{{input | attr('__class__') if false else input.__init__}}",
        "{{self}}",
        "{{self.__init__}}",
        "{{lipsum}}",
        "{{cycler.__init__.__globals__}}",
    ],
)
def test_there_is_no_way_to_python(text: str) -> None:
    with pytest.raises((TemplateFailed, TemplateInvalid)):
        render_template(text, VARIABLES)


@pytest.mark.parametrize(
    "text",
    [
        "{{'x' * 1000000000}}",
        "{{[0] * 1000000000}}",
        "{{'%1000000000d' % 1}}",
        "{{input.long | replace('x', input.long)}}",
        "{{[input.long, input.long] | join(input.long | replace('x', 'xxxxxxxxxx'))}}",
        "{{input.long}}" * 11,
        "{{1 / 0}}",
        "{{input.city + 1}}",
        "{{'a' | sum}}",
        "{{[1, 'a'] | sort}}",
        "{{input.none < 1}}",
    ],
)
def test_what_cannot_be_evaluated_or_would_take_the_memory_fails_at_once(text: str) -> None:
    start = time.monotonic()

    with pytest.raises(TemplateFailed):
        render_template(text, VARIABLES)

    assert time.monotonic() - start < 2


def test_a_failure_names_no_value() -> None:
    with pytest.raises(TemplateFailed) as caught:
        render_template("{{secret + 1}}", {"secret": "hunter2"})

    assert "hunter2" not in caught.value.message


def test_an_output_of_the_longest_length_still_comes() -> None:
    text = "{{a}}b"

    assert len(render_template(text, {"a": "x" * (MAX_OUTPUT - 1)})) == MAX_OUTPUT
    with pytest.raises(TemplateFailed):
        render_template(text, {"a": "x" * MAX_OUTPUT})


def test_a_value_that_is_nested_too_deeply_is_refused() -> None:
    value: Any = "{{a}}"
    for _ in range(10_000):
        value = [value]

    with pytest.raises(TemplateFailed, match="nested"):
        render_template(value, {"a": 1})
    assert "nested" in template_problems(value)[0]


def test_the_variables_of_a_template_are_known_before_it_is_rendered() -> None:
    template = Template("{{input.a}} {{results.b | default(run.id)}}")

    assert template.variables == {"input", "results", "run"}
    assert template_problems("{{inptu.a}}", known=["input", "run"], place="url") == [
        "url: unknown variable 'inptu'; there are input, run"
    ]
    assert template_problems("{{input.a}}", known=["input"]) == []


@given(st.text(alphabet="{}%#ab.|'\" ([)]~+-1", max_size=40))
def test_no_text_fails_in_another_way(text: str) -> None:
    with contextlib.suppress(TemplateInvalid, TemplateFailed):
        render_template(text, {"a": {"b": 1}})
