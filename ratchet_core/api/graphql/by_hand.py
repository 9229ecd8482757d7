"""What operators do to jobs and steps by hand, in the graph: the verbs of the engine's operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from graphql import GraphQLResolveInfo
from marshmallow import fields, validate

from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.field import Flag, Json, RequestSchema, Whole, Word
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.graphql.arguments import read_body
from ratchet_core.api.graphql.node import Node
from ratchet_core.api.graphql.query import Fields, job_node
from ratchet_core.api.ratchet.jobs import permitted_run
from ratchet_core.domain.step_change import MAX_RETRY_LIMIT, StepChange
from ratchet_core.domain.views import AnnotationView, RunView
from ratchet_core.errors import AnnotationNotFound, ValidationFailed

Resolver = Callable[..., Any]

#: Longest kind of a note, and longest text about a job.
_MAX_KIND: Final = 64
_MAX_TEXT: Final = 128
_MAX_TAGS: Final = 100


class ReasonBody(RequestSchema):
    """Why somebody does something by hand."""

    reason = Word(1000)


class UpdateBody(RequestSchema):
    """What is to change about a job."""

    reason = Word(_MAX_TEXT, allow_none=True)
    tags = fields.List(Word(_MAX_TEXT), allow_none=True, validate=validate.Length(max=_MAX_TAGS))


class EditBody(RequestSchema):
    """What is to change about a step that does not run."""

    retry_limit = Whole(0, MAX_RETRY_LIMIT)
    retryable = Flag()
    config = Json()
    input = Json(allow_none=True)


class NoteBody(RequestSchema):
    """Something to note about a job."""

    kind = Word(_MAX_KIND, required=True)


def resolve_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Settle a failed or cancelled job by hand."""
    run_id = permitted_run(given["jobId"])
    return {"job": job_node(_operator().resolve(run_id, principal(), _reason(given)))}


def reset_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Set a failed or cancelled job back to its start."""
    run_id = permitted_run(given["jobId"])
    return {"job": job_node(_operator().reset(run_id, principal(), _reason(given)))}


def update_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Change why a job was asked for, or its tags."""
    run_id = permitted_run(given.pop("jobId"))
    changes = read_body(UpdateBody, given)
    if not changes:
        raise ValidationFailed("Nothing is to change: give reason or tags")
    return {"job": job_node(_operator().update(run_id, changes, principal()))}


def resolve_step(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Settle a step that does not run."""
    run_id = permitted_run(given["jobId"])
    _operator().resolve_step(run_id, given["step"], principal(), _reason(given))
    return _job_of(run_id)


def retry_step(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Run a failed, cancelled or waiting step again, now."""
    run_id = permitted_run(given["jobId"])
    _operator().retry_step(run_id, given["step"], principal(), _reason(given))
    return _job_of(run_id)


def cancel_step(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Cancel a step."""
    run_id = permitted_run(given["jobId"])
    _operator().cancel_step(run_id, given["step"], principal(), _reason(given))
    return _job_of(run_id)


def complete_step(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Complete a step with a result from elsewhere."""
    run_id = permitted_run(given["jobId"])
    _operator().complete_step(
        run_id, given["step"], given.get("result"), principal(), _reason(given)
    )
    return _job_of(run_id)


def update_step(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Change retry rules, input or configuration of a step that does not run."""
    run_id, step = permitted_run(given.pop("jobId")), given.pop("step")
    named = {key: value for key, value in given.items() if value is not None or key == "input"}
    changes = read_body(EditBody, named)
    if not changes:
        raise ValidationFailed("Nothing is to change: give retryLimit, retryable, config or input")
    sets_input, value = "input" in changes, changes.pop("input", None)
    change = StepChange(fields=changes, sets_input=sets_input, input=value)
    _operator().edit_step(run_id, step, change, principal())
    return _job_of(run_id)


def annotate_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Note something about a job, in whatever state it is."""
    run_id = permitted_run(given["jobId"])
    kind = read_body(NoteBody, {"kind": given["kind"]})["kind"]
    made = _operator().annotate(run_id, kind, given["value"], principal())
    [view] = [item for item in reads().annotations(run_id) if item.id == made]
    return {"annotation": _show(view)}


def delete_annotation(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Take a note away."""
    run_id = permitted_run(given["jobId"])
    known = read_id(given["id"])
    if known is None:
        raise AnnotationNotFound(run_id, given["id"][:100])
    _operator().remove_annotation(run_id, known)
    return {"id": known}


def annotations_of_job(node: Node[RunView], _info: GraphQLResolveInfo) -> list[Fields]:
    """Return what was noted about a job, loaded for all jobs around it at once."""

    def load(views: Sequence[RunView]) -> Mapping[str, Sequence[AnnotationView]]:
        return ratchet().reads.annotations_of([view.id for view in views])

    permit(node.view.namespace)
    return [_show(item) for item in node.batch.load("annotations", load)[node.view.id]]


def _operator() -> Any:
    return ratchet().engine.operator


def _job_of(run_id: str) -> Fields:
    return {"job": job_node(reads().run(run_id))}


def _reason(given: Mapping[str, Any]) -> str | None:
    said = {"reason": given["reason"]} if given.get("reason") is not None else {}
    reason: str | None = read_body(ReasonBody, said).get("reason")
    return reason


def _show(view: AnnotationView) -> Fields:
    return {
        "id": view.id,
        "kind": view.type,
        "value": view.value,
        "created_by": view.principal,
        "created_at": to_millis(view.created_at),
    }


#: Field to what returns its value, and the permission that it needs.
MUTATIONS: Final[Mapping[str, tuple[Resolver, str]]] = MappingProxyType(
    {
        "resolveJob": (resolve_job, "run:resolve"),
        "resetJob": (reset_job, "run:retry"),
        "updateJob": (update_job, "workflow:run"),
        "resolveStep": (resolve_step, "step:resolve"),
        "retryStep": (retry_step, "step:retry"),
        "cancelStep": (cancel_step, "run:cancel"),
        "completeStep": (complete_step, "step:complete"),
        "updateStep": (update_step, "step:update"),
        "annotateJob": (annotate_job, "workflow:run"),
        "deleteAnnotation": (delete_annotation, "workflow:run"),
    }
)
