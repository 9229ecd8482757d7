"""schemathesis finds nothing: all checks, a hundred examples per operation, always the same ones.

It calls the whole application over SQLite in this process, without workers, driven by the document
alone, so that a new operation is tested the moment that it is declared. The operations are dealt
out to several tests, which may run beside each other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import Case
from schemathesis.checks import CheckFunction
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

from ratchet_core.app import create_app
from ratchet_core.config import load_settings
from ratchet_core.runtime import Ratchet

EXAMPLES = Path(__file__).resolve().parents[3] / "contrib" / "examples"
#: How many tests the operations are dealt out to.
HANDS = 6
SETTINGS = hypothesis.settings(max_examples=100, deadline=None, database=None)
SEED = 20_261_122

#: Places whose rules no schema of the document can say: a task's own schema, cron, a place in a
#: list that the server made, names of time zones.
BEYOND_PLACES = frozenset({"context", "cron_expression", "cursor", "input", "timezone"})
#: The other rules of that kind, in the words in which they are told: what one field means for
#: another, what fits the database, what Unicode calls printable.
BEYOND_RULES = (
    "does not fit 64 bits",
    "not a cursor of this list",
    "contradicts task_id",
    "cannot be given together with",
    "one of ids and filter is needed",
    "give either `expected`",
    "applies only to what is",
    "Task '' does not exist",  # in a batch that is to be made whole or not at all
    "is empty and would match everything",
    "printable characters",
    "'0001-01-01T",  # before the year 1 in UTC
)


#: What is followed until the client goes; tests/acceptance/test_ratchet_logs.py follows it.
ENDLESS = frozenset({"streamLogs"})


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    """Give the document of an application with the example workflows."""
    variables = {
        "RATCHET_DATA_DIR": str(tmp_path_factory.mktemp("fuzz")),
        "RATCHET_PATH": str(EXAMPLES),
    }
    ratchet = Ratchet(load_settings(None, variables).settings, variables)
    ratchet.upgrade_database()
    ratchet.sync_definitions(on_change="replace")
    config = schemathesis.Config.from_dict({"seed": SEED})
    found = schemathesis.openapi.from_wsgi("/openapi.json", create_app(ratchet), config=config)
    found.hook(map_query)
    yield found
    ratchet.close()


def map_query(_context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Wait for no job: there is no worker, and time that passes finds nothing."""
    if query and isinstance(query.get("wait"), int | float):
        return {**query, "wait": 0}
    return query


def hand_of(operation: APIOperation[Any, Any, Any, Any]) -> int:
    """Return to which test an operation is dealt: by its id, so that it stays there."""
    name = operation.definition.raw["operationId"]
    return zlib.crc32(name.encode()) % HANDS


@pytest.mark.timeout(280)
@pytest.mark.parametrize("hand", range(HANDS))
def test_ratchet_102_schemathesis_finds_nothing(schema: BaseSchema, hand: int) -> None:
    dealt = schema.exclude(operation_id=list(ENDLESS)).include(
        lambda context: hand_of(context.operation) == hand
    )
    found = []
    for result in get_all_tests(schema=dealt, test_func=call, settings=SETTINGS, given_kwargs=None):
        assert isinstance(result, Ok), result
        operation, test = result.ok()
        try:
            test()
        except (Failure, FailureGroup) as failure:
            found.append("\n".join([operation.label, str(failure), *failure.__notes__]))

    assert not found, "\n\n".join(found)


def call(case: Case[Any]) -> None:
    """Make one call and check its answer in every way that there is."""
    answer = case.call()
    excluded: list[CheckFunction] = []
    if is_beyond_schemas(answer):
        excluded.append(positive_data_acceptance)
    if is_refused_one_by_one(case, answer):
        excluded.append(negative_data_rejection)
    try:
        case.validate_response(answer, excluded_checks=excluded)
    except (Failure, FailureGroup) as failure:
        failure.add_note(f"{case.as_curl_command()}\n{answer.status_code} {answer.text[:500]}")
        raise


def is_beyond_schemas(answer: Response) -> bool:
    """Tell whether a refusal blames nothing but what no schema of the document could say."""
    if answer.status_code not in {400, 422}:
        return False
    error = answer.json()["error"]
    places = error.get("details") or {"": [error["message"]]}
    return all(
        place.partition(".")[0] in BEYOND_PLACES or any(rule in text for rule in BEYOND_RULES)
        for place, texts in places.items()
        for text in texts
    )


def is_refused_one_by_one(case: Case[Any], answer: Response) -> bool:
    """Tell whether a batch answered each of its requests with why it is refused."""
    if case.operation.label != "POST /api/v1/jobs/batch":
        return False
    if answer.status_code != 200 or not answer.content:  # OPTIONS is answered here, too
        return False
    return all("error" in item for item in answer.json()["items"])
