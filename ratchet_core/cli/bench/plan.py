"""How large and how often each row is measured. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes of one bench."""

    repetitions: int  #: of rates and chains
    one_by_one: int  #: runs per repetition, submitted one by one
    over_http: int  #: the same over HTTP
    batched: int  #: runs per repetition, submitted in batches
    batch: int  #: runs per batch
    immediate: int  #: runs of `commit: immediate` per repetition
    latency: int  #: single runs that follow each other at once
    spaced: int  #: single runs after gaps
    gap_s: float  #: the short gap
    long_spaced: int  #: single runs after long gaps; 0 leaves them out
    long_gap_s: float  #: the long gap
    chain: int  #: steps of the chain
    chain_runs: int  #: chains measured, each a sample
    fibo: int  #: argument of the chain of ten `fibo` steps
    fibo_runs: int  #: such chains measured
    fan_out: int  #: steps between fork and join
    fan_out_runs: int  #: fan-outs measured
    backlog: int  #: runs that keep two drains busy while submits are timed
    submits: int  #: most submits that are timed then
    subscriber: int  #: events whose way to a subscriber is timed
    talking: int  #: runs per repetition whose step logs
    deliveries: int  #: webhooks per repetition, of runs that have ended
    paced_deliveries: int  #: webhooks whose way is timed, one after the other
    pruned: int  #: finished runs that are pruned
    prune_timeout_s: float  #: storing them, and pruning them, is given up after that
    listed: int  #: finished runs that lists are asked for
    listing: int  #: calls of each list
    crowd: int  #: calls over 64 connections, reads and submissions each
    schedules: int  #: enabled schedules that one scheduler fires
    firing_s: int  #: seconds for which they fire, spread over a minute
    idle_s: float  #: seconds for which an idle system is watched
    messages: int  #: on a queue of RabbitMQ that is emptied
    raw: int  #: commits and round trips of the raw rows
    topic_messages: int  #: of Kafka per repetition
    peer_runs: int  #: no-op runs per repetition of a peer
    slow_peer_runs: int  #: the same for peers of few hundred a second
    peer_latency: int  #: single runs of a peer after short gaps
    peer_timeout_s: float  #: one peer is given up after that
    workers: int = 2  #: worker processes of Ratchet and of every peer


QUICK: Final = Plan(
    repetitions=3,
    one_by_one=1_000,
    over_http=500,
    batched=10_000,
    batch=1_000,
    immediate=600,
    latency=150,
    spaced=30,
    gap_s=0.2,
    long_spaced=0,
    long_gap_s=30.0,
    chain=40,
    chain_runs=7,
    fibo=33,
    fibo_runs=1,
    fan_out=1_000,
    fan_out_runs=3,
    backlog=60_000,
    submits=400,
    talking=200,
    deliveries=1_000,
    paced_deliveries=100,
    pruned=20_000,
    prune_timeout_s=120.0,
    listed=100_000,
    listing=100,
    crowd=2_000,
    schedules=2_000,
    firing_s=20,
    idle_s=10.0,
    subscriber=100,
    messages=5_000,
    raw=300,
    topic_messages=5_000,
    peer_runs=1_000,
    slow_peer_runs=120,
    peer_latency=20,
    peer_timeout_s=75.0,
)

FULL: Final = Plan(
    repetitions=5,
    one_by_one=5_000,
    over_http=3_000,
    batched=50_000,
    batch=1_000,
    immediate=3_000,
    latency=1_000,
    spaced=200,
    gap_s=0.2,
    long_spaced=0,
    long_gap_s=30.0,
    chain=40,
    chain_runs=21,
    fibo=33,
    fibo_runs=5,
    fan_out=1_000,
    fan_out_runs=7,
    backlog=150_000,
    submits=3_000,
    talking=1_000,
    deliveries=10_000,
    paced_deliveries=1_000,
    pruned=1_000_000,
    prune_timeout_s=900.0,
    listed=1_000_000,
    listing=300,
    crowd=20_000,
    schedules=10_000,
    firing_s=600,
    idle_s=60.0,
    subscriber=1_000,
    messages=50_000,
    raw=2_000,
    topic_messages=20_000,
    peer_runs=5_000,
    slow_peer_runs=600,
    peer_latency=200,
    peer_timeout_s=600.0,
)

#: Proves that every row runs; its figures mean nothing.
TINY: Final = Plan(
    repetitions=1,
    one_by_one=20,
    over_http=20,
    batched=20,
    batch=20,
    immediate=20,
    latency=3,
    spaced=2,
    gap_s=0.01,
    long_spaced=1,
    long_gap_s=0.02,
    chain=5,
    chain_runs=1,
    fibo=5,
    fibo_runs=1,
    fan_out=20,
    fan_out_runs=1,
    backlog=2_000,
    submits=5,
    talking=4,
    deliveries=20,
    paced_deliveries=3,
    pruned=300,
    prune_timeout_s=50.0,
    listed=300,
    listing=3,
    crowd=64,
    schedules=60,
    firing_s=2,
    idle_s=0.5,
    subscriber=3,
    messages=2_000,
    raw=5,
    topic_messages=20,
    peer_runs=20,
    slow_peer_runs=20,
    peer_latency=2,
    peer_timeout_s=100.0,
)

#: Single runs after gaps of 30 s that `--long` adds.
LONG_SPACED: Final = 10
