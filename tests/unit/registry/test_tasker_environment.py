"""Environment overlays and variables in YAML."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.registry.conftest import MINIMAL, Load, only, problem_of

OVERLAID = """\
name: flow
step_templates:
  - name: call
    handler_class: noop
    default_retry_limit: 5
    handler_config:
      url: https://example.com/
      headers: {accept: json, trace: "1"}
environments:
  test:
    step_templates:
      - name: call
        default_retry_limit: 1
        handler_config:
          headers: {trace: "0"}
  production:
    step_templates:
      - name: call
        handler_config: {url: "${PRODUCTION_URL}"}
"""


def test_an_overlay_is_merged_into_its_step_all_the_way_down(load: Load) -> None:
    step = only(load({"flow.yaml": OVERLAID}, "test")).steps[0]

    assert step.retry_limit == 1
    assert step.config == {
        "url": "https://example.com/",
        "headers": {"accept": "json", "trace": "0"},
    }


def test_an_environment_that_the_file_does_not_name_changes_nothing(load: Load) -> None:
    step = only(load({"flow.yaml": OVERLAID}, "staging")).steps[0]

    assert step.config["headers"] == {"accept": "json", "trace": "1"}


def test_variables_of_the_chosen_environment_alone_must_be_set(load: Load) -> None:
    tested = load({"flow.yaml": OVERLAID}, "test")
    loaded = load({"flow.yaml": OVERLAID}, "production")
    set_one = load({"flow.yaml": OVERLAID}, "production", PRODUCTION_URL="https://p.example/")

    (problem,) = loaded.problems
    assert tested.problems == ()
    assert problem.line == 19
    assert problem.place == "environments.production.step_templates[0].handler_config.url"
    assert "PRODUCTION_URL is not set" in problem.reason
    assert only(set_one).steps[0].config["url"] == "https://p.example/"


def test_an_overlay_of_a_step_that_does_not_exist_is_refused_in_every_environment(
    load: Load,
) -> None:
    problem = problem_of(
        load, OVERLAID.replace("- name: call\n        default", "- name: cal\n        default")
    )

    assert problem.place == "environments.test.step_templates[0].name"
    assert problem.line == 12
    assert "did you mean 'call'?" in problem.reason


def test_a_mistake_in_an_overlay_is_reported_at_the_overlay(load: Load) -> None:
    text = OVERLAID.replace("default_retry_limit: 1", "default_retry_limit: many")

    (problem,) = load({"flow.yaml": text}, "test").problems

    assert problem.line == 13
    assert problem.place == "environments.test.step_templates[0].default_retry_limit"


@pytest.mark.parametrize(
    ("written", "environ", "value"),
    [
        ("${NAME}", {"NAME": "x"}, "x"),
        ("a ${NAME} b", {"NAME": "x"}, "a x b"),
        ("${NAME:-usual}", {}, "usual"),
        ("${NAME:-usual}", {"NAME": ""}, "usual"),
        ("${NAME:-}", {}, None),
        ("'${NAME:-}'", {}, ""),
        ("${NAME}", {"NAME": "5"}, 5),
        ("'${NAME}'", {"NAME": "5"}, "5"),
        ("${NAME}", {"NAME": "true"}, True),
        ("${NAME}", {"NAME": "yes"}, "yes"),
        ("$${NAME}", {}, "${NAME}"),
        ("'${NAME}'", {"NAME": "${OTHER}"}, "${OTHER}"),
        ("'${NAME}'", {"NAME": "x\n  y: z"}, "x\n  y: z"),
    ],
)
def test_variables_are_replaced_after_parsing(
    load: Load, written: str, environ: dict[str, str], value: Any
) -> None:
    text = MINIMAL + f"    handler_config:\n      key: {written}\n"

    assert only(load({"flow.yaml": text}, **environ)).steps[0].config == {"key": value}


@pytest.mark.parametrize("written", ["${", "${1X}", "${A B}", "${A:?no}"])
def test_a_misspelt_variable_is_refused(load: Load, written: str) -> None:
    problem = problem_of(load, MINIMAL + f"    handler_config:\n      key: '{written}'\n")

    assert problem.place == "step_templates[0].handler_config.key"
    assert "starts no variable" in problem.reason


def test_patterns_of_schemas_are_left_as_they_are(load: Load) -> None:
    schema = "schema: {type: string, pattern: '^a${1}'}\n"

    definition = only(load({"flow.yaml": MINIMAL + schema}))

    assert definition.input_schema == {"type": "string", "pattern": "^a${1}"}


def test_secrets_of_destinations_are_checked_but_not_stored(load: Load) -> None:
    text = MINIMAL + "output_destinations:\n  - {url: 'https://e.example/', secret: '${S}'}\n"

    stored = only(load({"flow.yaml": text}, S="very secret"))
    problem = problem_of(load, text)

    assert stored.output_destinations[0]["secret"] == "${S}"
    assert problem.place == "output_destinations[0].secret"
