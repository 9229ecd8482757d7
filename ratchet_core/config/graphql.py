"""Settings of the GraphQL door. Only declarations."""

from __future__ import annotations

from dataclasses import dataclass

from ratchet_core.config.setting import setting


@dataclass(frozen=True, slots=True)
class GraphqlSettings:
    """What one GraphQL request may ask for, and how many clients may subscribe."""

    max_depth: int = setting(
        "Deepest nesting of fields; introspection is exempt.",
        "graphql.max_depth",
        default=12,
        at_least=1,
        at_most=100,
    )
    max_complexity: int = setting(
        "Most values that one request may ask for: every field counts once, times the `limit` of"
        " each list that it is in.",
        "graphql.max_complexity",
        default=50_000,
        at_least=10,
    )
    max_aliases: int = setting(
        "Most aliases in one request.",
        "graphql.max_aliases",
        default=30,
        at_least=0,
        at_most=10_000,
    )
    max_tokens: int = setting(
        "Most words and signs in one query text.",
        "graphql.max_tokens",
        default=4000,
        at_least=100,
        at_most=100_000,
    )
    max_batch: int = setting(
        "Most operations that one request may hold, as a JSON array; 1 refuses arrays.",
        "graphql.max_batch",
        default=10,
        at_least=1,
        at_most=100,
    )
    max_subscriptions: int = setting(
        "Most subscriptions, and most connections that wait for them, of one API process; it starts"
        " that many threads more.",
        "graphql.max_subscriptions",
        default=100,
        at_least=0,
        at_most=900,
    )
    introspection: bool = setting(
        "Whether clients may ask for the schema; the playground needs it.",
        "graphql.introspection",
        default=True,
    )
    playground: bool = setting(
        "Whether `/graphql/playground` is served.",
        "graphql.playground",
        default=True,
    )
