"""Tasker YAML: every key, and every mistake with its file, line and place."""

from __future__ import annotations

from textwrap import dedent

import pytest

from ratchet_core.domain.retry import Backoff
from ratchet_core.domain.workflow import CustomEvent
from tests.unit.registry.conftest import MINIMAL, Load, only, problem_of


def test_name_and_steps_are_all_that_a_file_needs(load: Load) -> None:
    definition = only(load({"small.yaml": MINIMAL}))

    assert definition.full_name == "default.small@0.1.0"
    assert definition.steps[0].retry_limit == 3
    assert definition.steps[0].description == "only"


def test_every_key_has_its_effect(load: Load) -> None:
    text = """\
    name: process_payment
    namespace_name: payments
    version: "2.1.0"
    description: Charges
    task_handler_class: Payments::ProcessPayment
    default_dependent_system: bank
    named_steps: [check, charge, tell]
    output_step: charge
    queue: money
    priority: 5
    timeout_s: 90
    uuid: 2B2F5D0E-5C5B-4B61-8E8A-3F1B7C7E1D10
    label: Payment
    tags: [a, b]
    configuration: {region: eu}
    output_destinations:
      - {type: webhook, url: "https://example.com/"}
    schema: {type: object, required: [payment_id]}
    output_schema: {type: object}
    step_templates:
      - name: check
        handler_class: noop
        default_retryable: false
        default_retry_limit: 0
      - name: charge
        description: Takes the money
        handler_class: noop
        handler_config: {timeout_seconds: 30, limit: "50"}
        depends_on_step: check
        dependent_system: gateway
        commit: immediate
        backoff: {base_s: 2, factor: 3, cap_s: 60, jitter: 0}
        custom_events:
          - payment.charged
          - {name: payment.limit.reached, description: Too much}
      - name: tell
        handler_class: noop
        timeout_s: 1.5
        depends_on_step: charge
        depends_on_steps: [charge, check]
        skippable: true
    """

    definition = only(load({"flow.yaml": dedent(text)}))

    check, charge, tell = definition.steps
    assert definition.full_name == "payments.process_payment@2.1.0"
    assert (definition.output_step, definition.queue, definition.priority) == ("charge", "money", 5)
    assert definition.timeout_s == 90
    assert definition.uuid == "2b2f5d0e-5c5b-4b61-8e8a-3f1b7c7e1d10"
    assert definition.attributes["label"] == "Payment"
    assert definition.attributes["configuration"] == {"region": "eu"}
    assert definition.output_destinations == ({"type": "webhook", "url": "https://example.com/"},)
    assert definition.input_schema == {"type": "object", "required": ["payment_id"]}
    assert (check.retryable, check.retry_limit, check.dependent_system) == (False, 0, "bank")
    assert (charge.timeout_s, charge.commit) == (30, "immediate")
    assert charge.config == {"limit": "50"}
    assert charge.dependent_system == "gateway"
    assert charge.backoff == Backoff(base_s=2, factor=3, cap_s=60, jitter=0)
    assert charge.custom_events == (
        CustomEvent(name="payment.charged"),
        CustomEvent(name="payment.limit.reached", description="Too much"),
    )
    assert (tell.depends_on, tell.skippable, tell.timeout_s) == (("charge", "check"), True, 1.5)


def test_a_property_of_the_schema_is_required_only_where_it_says_so(load: Load) -> None:
    schema = "schema: {type: object, properties: {amount: {type: number}}}\n"

    definition = only(load({"flow.yaml": MINIMAL + schema}))

    assert definition.input_schema is not None
    assert "required" not in definition.input_schema


@pytest.mark.parametrize(
    ("line", "key"),
    [("default_retryable: yes", "default_retryable"), ("skippable: on", "skippable")],
)
def test_only_true_and_false_are_booleans(load: Load, line: str, key: str) -> None:
    problem = problem_of(load, MINIMAL + f"    {line}\n")

    assert problem.line == 5
    assert problem.place == f"step_templates[0].{key}"
    assert "expected true or false, found the text" in problem.reason


@pytest.mark.parametrize("version", ["2.1", "2", "true"])
def test_a_version_without_quotes_is_refused(load: Load, version: str) -> None:
    problem = problem_of(load, MINIMAL + f"version: {version}\n")

    assert (problem.line, problem.place) == (5, "version")
    assert "quote it" in problem.reason


@pytest.mark.parametrize(
    ("addition", "line", "place", "words"),
    [
        ("descripton: x\n", 5, "descripton", "did you mean 'description'?"),
        ("namespace: x\n", 5, "namespace", "did you mean 'namespace_name'?"),
        ("    retryable: true\n", 5, "step_templates[0].retryable", "'default_retryable'"),
        ("    depends_on_step: oly\n", 5, "step_templates[0].depends_on_step", "'only'"),
        (
            "    depends_on_steps: [only, oly]\n",
            5,
            "step_templates[0].depends_on_steps[1]",
            "'oly'",
        ),
        (
            "    depends_on_step: [only]\n",
            5,
            "step_templates[0].depends_on_step",
            "depends_on_steps",
        ),
        ("    depends_on_step: only\n", 2, "step_templates", "cycle: only -> only"),
        (
            "    default_retry_limit: '3'\n",
            5,
            "step_templates[0].default_retry_limit",
            "whole number",
        ),
        ("    default_retry_limit: -1\n", 5, "step_templates[0].default_retry_limit", "between 0"),
        (
            "    timeout_s: 1\n    handler_config: {timeout: 2}\n",
            6,
            "step_templates[0].handler_config.timeout",
            "'timeout' says the same as 'timeout_s'",
        ),
        ("    timeout_s: 0\n", 5, "step_templates[0].timeout_s", "no timeout"),
        ("    commit: later\n", 5, "step_templates[0].commit", "'group' nor 'immediate'"),
        ("    backoff: {bas_s: 1}\n", 5, "step_templates[0].backoff.bas_s", "'base_s'"),
        (
            "    custom_events: [charged]\n",
            5,
            "step_templates[0].custom_events[0]",
            "namespace.name",
        ),
        ("    custom_events: [a.b, a.b]\n", 5, "step_templates[0].custom_events[1]", "twice"),
        ("version: '1.0'\n", 5, "version", "semantic version"),
        ("uuid: nonsense\n", 5, "uuid", "no UUID"),
        ("priority: 1.5\n", 5, "priority", "whole number"),
        ("output_step: onyl\n", 5, "output_step", "did you mean 'only'?"),
        ("named_steps: [other]\n", 3, "step_templates[0].name", "named_steps"),
        ("namespace_name: a.b\n", 5, "namespace_name", "contains a '.'"),
        ("output_destinations: [x]\n", 5, "output_destinations[0]", "mapping"),
        ("environments: {test: {step: 1}}\n", 5, "environments.test.step", "'step_templates'"),
        ("schema: {type: strin}\n", 5, "schema.type", "not a JSON Schema"),
        ("schema: {$ref: 'http://example.com/s.json'}\n", 5, "schema", "nothing is fetched"),
        ("schema: [1]\n", 5, "schema", "must be a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_place(
    load: Load, addition: str, line: int, place: str, words: str
) -> None:
    problem = problem_of(load, MINIMAL + addition)

    assert (problem.line, problem.place) == (line, place)
    assert words in problem.reason


@pytest.mark.parametrize(
    "namespace", ["task", "step", "workflow", "run", "observability", "test", "Step"]
)
def test_events_of_reserved_namespaces_are_refused(load: Load, namespace: str) -> None:
    problem = problem_of(load, MINIMAL + f"    custom_events: [{namespace}.done]\n")

    assert "reserved" in problem.reason
    assert problem.line == 5


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name: a\nname: b\n", 2, "'name' is there twice, first on line 1"),
        ("name: [a\n", 2, "not valid YAML"),
        ("name: a\n---\nname: b\n", 2, "second document"),
        ("- 1\n", None, "expected a mapping"),
        ("", None, "expected a mapping of keys, found nothing"),
        ("name: a\n", None, "'step_templates' is missing"),
        ("name: a\nstep_templates: []\n", 2, "at least one step"),
        ("name: a\nstep_templates: {a: 1}\n", 2, "expected a list"),
        ("name: a\nstep_templates: [x]\n", 2, "expected a step template"),
        ("name: a\nstep_templates:\n  - name: b\n", 3, "'handler_class' is missing"),
        ("name: !ruby/object a\n", 1, "the tag !ruby/object is not supported"),
        ("name: .nan\n", 1, "not a number that JSON knows"),
        ("name: 99999999999999999999\n", 1, "more than 64 bits"),
        ("base: &a {x: 1}\nname: {<<: *a}\n", 2, "merge keys"),
        ("? [a]\n: b\n", 1, "a key must be a text"),
        ("name: &a [*a]\n", 1, "names nothing that ends before it"),
        ('name: "a\\0b"\n', 1, "NUL"),
        ('name: "\\ud800"\n', 1, "not valid YAML"),
    ],
)
def test_a_file_that_is_no_definition_says_why(
    load: Load, text: str, line: int | None, words: str
) -> None:
    problem = problem_of(load, text)

    assert words in problem.reason
    assert problem.line == line


def test_an_unknown_handler_is_reported_with_the_nearest_name(load: Load) -> None:
    problem = problem_of(load, MINIMAL.replace("noop", "nop"))

    assert (problem.line, problem.place) == (4, "step_templates[0].handler_class")
    assert problem.reason == "there is no step handler 'nop'; did you mean 'noop'?"


def test_every_unknown_handler_of_a_file_is_reported(load: Load) -> None:
    text = MINIMAL.replace("noop", "one") + "  - {name: second, handler_class: two}\n"

    loaded = load({"flow.yaml": text})

    assert [problem.line for problem in loaded.problems] == [4, 5]


def test_module_namespace_stands_before_handler_names(load: Load) -> None:
    text = MINIMAL.replace("noop", "Charge") + "module_namespace: Payments\n"
    code = """\
    from ratchet_core.sdk import StepHandler
    class Charge(StepHandler):
        name = "Payments::Charge"
    """

    loaded = load({"flow.yaml": text, "charge_steps.py": dedent(code)})

    assert only(loaded).steps[0].handler == "Payments::Charge"


def test_module_namespace_may_be_a_python_module(load: Load) -> None:
    text = MINIMAL.replace("noop", "Charge") + "module_namespace: plain\n"
    code = "class Charge:\n    def process(self, context):\n        return 1\n"

    loaded = load({"flow.yaml": text, "plain.py": code})

    assert only(loaded).steps[0].handler == "plain.Charge"


def test_concurrent_false_is_accepted_with_a_note(load: Load) -> None:
    loaded = load({"flow.yaml": MINIMAL + "concurrent: false\n"})

    assert loaded.problems == ()
    assert [note.line for note in loaded.notes] == [5]
    assert "no effect" in loaded.notes[0].reason


def test_what_a_handler_says_about_its_configuration_is_a_problem(load: Load) -> None:
    code = """\
    from ratchet_core.sdk import StepHandler
    class Picky(StepHandler):
        name = "picky"
        def check(self, config, files):
            return [f"'url' is missing", "'method' is missing"]
    """
    text = MINIMAL.replace("noop", "picky") + "    handler_config: {a: 1}\n"

    loaded = load({"flow.yaml": text, "picky_steps.py": dedent(code)})

    assert loaded.definitions == ()
    assert [(p.line, p.place, p.reason) for p in loaded.problems] == [
        (5, "step_templates[0].handler_config", "'url' is missing"),
        (5, "step_templates[0].handler_config", "'method' is missing"),
    ]


def test_a_handler_whose_check_raises_spoils_only_its_own_workflow(load: Load) -> None:
    code = """\
    from ratchet_core.sdk import StepHandler
    class Broken(StepHandler):
        name = "broken"
        def check(self, config, files):
            return config["absent"]
    """
    files = {
        "a.yaml": MINIMAL.replace("noop", "broken"),
        "b.yaml": MINIMAL.replace("small", "good"),
        "broken_steps.py": dedent(code),
    }

    loaded = load(files)

    assert [found.definition.name for found in loaded.definitions] == ["good"]
    assert "KeyError" in loaded.problems[0].reason


def test_aliases_are_followed(load: Load) -> None:
    text = MINIMAL + "    handler_config: &c {a: [1]}\n"
    text += "  - {name: b, handler_class: noop, handler_config: *c}\n"

    first, second = only(load({"flow.yaml": text})).steps

    assert first.config == second.config == {"a": [1]}
