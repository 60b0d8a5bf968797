"""A floor: the configuration that an organisation's workflow gives, under the one that a repository has itself.

The repository's policies are judged beside the floor's. A further policy can add a reason to block and take none away, so
nothing in the repository loosens the floor: its waivers, its baseline and its inventory are for its own entries alone, and
what decides how things are read (analysis tools, connections, identities, the name of the check) is the floor's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from bot.policy.configuration import CompiledPolicy, Configuration, OnUnknown, TrackingSettings
from bot.policy.problems import PolicyError, Problem


def under(floor: Configuration, own: Configuration) -> Configuration:
    """Both configurations in one. Raises ``PolicyError`` where a policy of the repository takes the name of a floor's."""
    problems: list[Problem] = []
    added = list(_added(floor, own, problems))
    if problems:
        raise PolicyError(problems)
    stricter = {kind: word for kind, word in own.gate.on_unknown.items() if word is OnUnknown.BLOCK}
    names = {policy.name for policy in added}
    return replace(
        floor,
        policies=(*floor.policies, *added),
        gate=replace(
            floor.gate,
            on_unknown={**floor.gate.on_unknown, **stricter},
            wait=max(floor.gate.wait, own.gate.wait),
            follow_stack=floor.gate.follow_stack or own.gate.follow_stack,
        ),
        sources=(*floor.sources, *(source for source in own.sources if source.name in names)),
        digest=hashlib.sha256(f"{floor.digest}\n{own.digest}".encode()).hexdigest(),
        warnings=(*floor.warnings, *own.warnings, *_without_effect(floor, own, names)),
    )


def _added(floor: Configuration, own: Configuration, problems: list[Problem]) -> Iterator[CompiledPolicy]:
    texts = {source.name: source.sha256 for source in floor.sources}
    theirs = {source.name: source.sha256 for source in own.sources}
    taken = {policy.name: policy for policy in floor.policies}
    for policy in own.policies:
        if policy.name not in taken:
            yield policy
        elif texts.get(policy.name) != theirs.get(policy.name):
            message = (
                f"the name {policy.name!r} is that of a policy which this repository is held to "
                f"({taken[policy.name].source}); give this one another"
            )
            problems.append(Problem(policy.source, 1, 1, "metadata.name", message))


def _without_effect(floor: Configuration, own: Configuration, added: set[str]) -> Iterator[str]:
    """What the repository's configuration says and is not listened to."""
    lost = [policy for policy in own.policies if policy.name not in added]
    said = [
        ("analyzers", bool(own.analyzers)),
        ("connections", bool(own.connections)),
        ("identities", own.identities is not None),
        ("tracking", own.tracking != TrackingSettings()),
        (f"waivers of {', '.join(policy.name for policy in lost)}", any(policy.waivers for policy in lost)),
    ]
    ignored = [name for name, there in said if there]
    if ignored:
        whose = floor.policies[0].source if floor.policies else "the given configuration"
        yield f"The repository's own {', '.join(ignored)} have no effect: it is held to {whose}, which decides those."
