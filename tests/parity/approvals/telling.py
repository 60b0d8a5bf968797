"""A disagreement, made as small as it stays one, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

from tests.parity.approvals.model import Change, Host, Owned, Rules, World


@dataclass(frozen=True)
class Case:
    """One change, by one set of parameters, on one platform."""

    world: World
    change: Change
    rules: Rules
    host: Host


def smaller(case: Case, disagree: Callable[[Case], bool]) -> Case:
    """Leave out what can be left out."""
    for _ in range(60):
        better = next((each for each in _steps(case) if disagree(each)), None)
        if better is None:
            return case
        case = better
    return case


def _steps(case: Case) -> Iterator[Case]:
    change, rules, world = case.change, case.rules, case.world
    for at in range(len(change.opinions)):
        yield replace(case, change=replace(change, opinions=change.opinions[:at] + change.opinions[at + 1 :]))
    if len(change.pushes) > 1:
        pushes = change.pushes[:-1]
        yield replace(case, change=replace(change, pushes=pushes))
    for name in ("assignees", "asked"):
        if getattr(change, name):
            yield replace(case, change=replace(change, **{name: ()}))
    for one in fields(Rules):
        if getattr(rules, one.name) != one.default:
            yield replace(case, rules=replace(rules, **{one.name: one.default}))
    if len(change.pushes) == 1:
        only = change.pushes[0]
        for at in range(len(only.commits)):
            commits = only.commits[:at] + only.commits[at + 1 :]
            if commits:
                push = replace(only, commits=commits, fresh=len(commits))
                yield replace(case, change=replace(change, pushes=(push,)))
    for name in ("code_owners", "required"):
        kept: tuple[Owned, ...] = getattr(world, name)
        for at in range(len(kept)):
            yield replace(case, world=replace(world, **{name: kept[:at] + kept[at + 1 :]}))


def told(case: Case) -> str:
    """The case, for a reader."""
    world, change, rules = case.world, case.change, case.rules
    changed = [
        f"{one.name}={getattr(rules, one.name)!r}" for one in fields(Rules) if getattr(rules, one.name) != one.default
    ]
    lines = [f"on {case.host}, with {', '.join(changed) or 'everything at its default'}:"]
    lines.append(
        f"  {change.author} opened #{change.number}, for {list(change.assignees)}, asking {list(change.asked)}"
    )
    for push in change.pushes:
        lines.append(f"  {push.at:>5}  {push.by} {push.what}" + (" (force)" if push.forced else ""))
        for commit in push.commits[len(push.commits) - push.fresh :]:
            marks = [mark for mark in ("verified", "suggestion", "merge") if getattr(commit, mark)]
            marks += [] if commit.clean else ["not clean"]
            marks += [f"co-authors {', '.join(commit.co_authors)}"] if commit.co_authors else []
            who = f"{commit.email or commit.author}, committed by {commit.committer}"
            lines.append(f"           {commit.name}: {who}; {' '.join(commit.paths)} {' '.join(marks)}".rstrip())
    for one in sorted(change.opinions, key=lambda each: each.at):
        words = f" {one.body!r}" if one.body else ""
        lines.append(f"  {one.at:>5}  {one.by}: {one.state}{words}{' (required)' if one.required else ''}")
    people = {one.by for one in change.opinions} | {change.author} | {push.by for push in change.pushes}
    told_of = {login: world.permissions.get(login, "nothing of its own") for login in sorted(people)}
    lines.append(
        f"  permissions: {told_of}, teams: { {n: p for n, p in world.permissions.items() if n[:5] == 'team:'} }"
    )
    lines.append(f"  teams: {world.teams}")
    if rules.code_owners:
        owned = world.code_owners if case.host is Host.GITHUB else world.required
        lines += [f"  owned: {' '.join(each.patterns)} by {' '.join(each.owners) or 'nobody'}" for each in owned]
    odd = {login: mail for login, mail in world.emails.items() if login in people and mail.partition("@")[0] != login}
    lines.append(f"  addresses unlike their logins: {odd}")
    return "\n".join(lines)
