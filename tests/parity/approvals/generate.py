"""Worlds made up from a seed: people, teams, ownership, and pull requests with all that happens to them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from bot.sandbox.identity import number
from tests.parity.approvals.model import PLATFORM, Change, Commit, Opinion, Owned, Push, Rules, World

HUMANS = ("ana", "bo", "cy", "di", "eve", "finn", "gus", "hal", "ivy", "Jo")
OWNER, OUTSIDER = "olga", "otto"
UPDATER, ROBOT, RENOVATE, AGENT = "updater[bot]", "robot[bot]", "renovate[bot]", "dev-agent[bot]"
BOTS = (UPDATER, ROBOT, RENOVATE, AGENT)
LEVELS = ("read", "triage", "write", "write", "maintain", "admin")

FILES = (
    "src/pay.py",
    "src/api/pay.py",
    "src/api/v1/routes.py",
    "docs/guide.md",
    "docs/api/index.md",
    "docs/api/v1/index.md",
    "infra/main.tf",
    "README.md",
)
LINES = (
    "*",
    "*.py",
    "*.md",
    "/src/",
    "src/api",
    "/docs/*",
    "docs/",
    "**/api/**",
    "/docs/**/index.md",
    "api/",
    "/README.md",
    "infra/*.tf",
    "!/src/api/",
    "[Section]",
)
FILTERS = (
    ("/src/*",),
    ("*.py",),
    ("/src/*", "!/src/api/*"),
    ("!/src/api/*", "/src/*"),
    ("*", "!*.md"),
    ("/docs/*.md",),
    ("*/api/*",),
    ("*/index.md",),
    ("/README.md", "/infra/*"),
    ("/docs/*", "!/docs/api/*", "/docs/api/v1/*"),
)
BODIES = (
    ("LGTM", True),
    ("Thanks. lgtm!", True),
    ("> LGTM\n\nNot so fast.", False),
    ("`LGTM` is what I would say", False),
    ("```\nLGTM\n```\nwhat does this print?", False),
    ("<!-- LGTM -->Please explain.", False),
    ("Please explain.", False),
    ("", False),
)
STATES = ("approved",) * 9 + ("suggestions",) * 2 + ("changes_requested",) * 3
STATES += ("commented", "dismissed", "waiting", "comment", "comment")
APART = 120
"""Minutes between pushes, at least."""


def world(random: Random) -> World:
    """People, teams and ownership."""
    teams: dict[str, tuple[str, ...]] = {}
    names = ["core", "web", "ops", "Payments Team", "guild"]
    for at, name in enumerate(names):
        members = tuple(random.sample(HUMANS, random.randint(0, 3)))
        # A team on GitHub has one parent at most, so each is within none or one of those after it.
        teams[name] = members
        if at and random.random() < 0.5:
            free = [each for each in names[:at] if not any(f"team:{each}" in within for within in teams.values())]
            teams[name] = (*members, *(f"team:{each}" for each in random.sample(free, min(1, len(free)))))
    permissions: dict[str, str] = {}
    for login in HUMANS:
        if random.random() < 0.8:
            permissions[login] = random.choice(LEVELS)
    for name in random.sample(names, 2):
        permissions[f"team:{name}"] = random.choice(LEVELS)
    within = {each for name in permissions if name.startswith("team:") for each in teams[name[5:]]}
    for login in HUMANS:
        if login not in permissions and login not in within:
            permissions[login] = "read"
    for bot in BOTS:
        permissions[bot] = "write"

    def some() -> tuple[str, ...]:
        return tuple(random.sample([*HUMANS, *(f"team:{name}" for name in names)], random.randint(1, 3)))

    emails = {
        login: f"{login.removesuffix('[bot]').lower()}@example.com" for login in (*HUMANS, OWNER, OUTSIDER, *BOTS)
    }
    for login in BOTS:
        # GitHub knows a bot's commits by the address that it has given the bot.
        emails[login] = f"{number('person', login)}+{login}@users.noreply.github.com"
    for login in random.sample(HUMANS, 3):
        emails[login] = f"{login.lower()}.{login[0].lower()}@mail.example.com"
    lines = []
    for pattern in random.sample(LINES, random.randint(2, 6)):
        owners: tuple[str, ...] = () if random.random() < 0.15 else some()
        if random.random() < 0.15 and not any("@" in owner for line in lines for owner in line.owners):
            owners = (*owners, emails[random.choice(HUMANS)])
        lines.append(Owned((pattern,), owners))
    required = [Owned(filters, some()) for filters in random.sample(FILTERS, random.randint(1, 4))]
    people = (*HUMANS, OWNER, OUTSIDER, *BOTS)
    return World(people, emails, (OWNER,), permissions, teams, tuple(lines), tuple(required))


def rules(random: Random, where: World) -> Rules:
    """Parameters: each at its default, or not."""

    def rarely(chance: float = 0.25) -> bool:
        return random.random() < chance

    found = Rules(
        minimum=random.choice((0, 1, 1, 1, 2, 2, 3)),
        count_author=rarely(),
        count_committers=rarely(),
        count_last_pusher=rarely(),
        dismiss_on_push=not rarely(0.3),
        keep_on=random.choice(
            ((), ("update-merge",), ("rebase",), ("update-merge", "rebase"), ("update-merge", "rebase"))
        ),
        ignore_commits_by=random.choice(((), (), (RENOVATE,), (RENOVATE, PLATFORM), ("bo", "cy"))),
        comments=rarely(0.4),
        strict_identity=rarely(),
    )
    if rarely(0.35):
        return found
    chosen = random.sample(("users", "teams", "permissions", "code_owners"), random.choice((1, 1, 1, 2, 3)))
    if "users" in chosen:
        users = random.sample([*HUMANS, ROBOT, OWNER], random.randint(1, 4))
        found = replace(found, users=tuple(login.upper() if rarely(0.2) else login for login in users))
    if "teams" in chosen:
        found = replace(found, teams=tuple(random.sample(sorted(where.teams), random.randint(1, 2))))
    if "permissions" in chosen:
        levels = ("read", "triage", "write", "maintain", "admin")
        found = replace(found, permissions=tuple(random.sample(levels, random.choice((1, 1, 2)))))
    return replace(found, code_owners="code_owners" in chosen)


def change(random: Random, number: int) -> Change:
    """One pull request and its life."""
    author = random.choice((*HUMANS[:6], *HUMANS[:6], RENOVATE, AGENT))
    at, pushes = random.randint(0, 600), [opening(random, author, number)]
    pushes[0] = replace(pushes[0], at=at)
    for _ in range(random.choice((0, 0, 1, 1, 2, 3, 4))):
        at += random.randint(APART, 5 * APART)
        pushes.append(replace(following(random, author, number, pushes), at=at))
    end = at + 600
    involved = [each.author for push in pushes for each in push.commits] + [push.by for push in pushes] + [author]
    voices = random.sample([*HUMANS, *HUMANS, *involved, OWNER, OUTSIDER, ROBOT], random.randint(0, 5))
    times = iter(random.sample(range(pushes[0].at + 1, end), 20))
    taken = {push.at for push in pushes}
    opinions = []
    for login in dict.fromkeys(voices):
        required = random.random() < 0.15
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            when = next(each for each in times if each not in taken)
            state = random.choice(STATES)
            body, yes = random.choice(BODIES) if state in ("commented", "comment") else ("", False)
            if state in ("commented", "comment") and not body:
                body = "Hm."
            opinions.append(Opinion(login, state, when, body, yes, required))
    assignees = tuple(random.sample(HUMANS, random.randint(0, 2)))
    asked = tuple(random.sample([*HUMANS, "team:core", "team:ops"], random.choice((0, 0, 1, 2))))
    return Change(number, author, assignees, tuple(pushes), tuple(opinions), asked)


def commit(random: Random, author: str, name: str, number: int) -> Commit:
    """A commit of work: mostly the author's own."""
    place = random.choice(FILES)
    own = f"{place.rpartition('/')[0]}/{name}-{number}.{place.rpartition('.')[2]}".lstrip("/")
    # Some move a file; each another one.
    moved = FILES[int(name[1:]) if name[0] == "c" else int(name[1:]) + 2]
    paths = (own, moved) if random.random() < 0.12 else (own,)
    writer = author if random.random() < 0.7 else random.choice(HUMANS)
    found = Commit(name, writer, writer, paths)
    dice = random.random()
    if dice < 0.1:
        return replace(found, committer=random.choice(HUMANS))
    if dice < 0.2:
        return replace(found, co_authors=tuple(random.sample(HUMANS, 1)), verified=random.random() < 0.5)
    if dice < 0.27:
        return replace(found, committer=PLATFORM, verified=True)
    if dice < 0.37:
        return replace(found, committer=PLATFORM, verified=True, suggestion=True, co_authors=(random.choice(HUMANS),))
    if dice < 0.45:
        return replace(found, email=f"somebody{number}@nowhere.example", committer=random.choice((writer, author)))
    if dice < 0.6:
        committer = random.choice((RENOVATE, PLATFORM, random.choice(HUMANS)))
        return replace(found, author=RENOVATE, committer=committer, verified=True)
    return replace(found, verified=random.random() < 0.5)


def opening(random: Random, author: str, number: int) -> Push:
    """What opens it."""
    commits = tuple(commit(random, author, f"c{at}", number) for at in range(random.choice((1, 1, 2, 3))))
    return Push(
        author if random.random() < 0.85 else random.choice(HUMANS), 0, False, commits, len(commits), "opens it"
    )


def following(random: Random, author: str, number: int, before: list[Push]) -> Push:
    """What comes after."""
    now, at = before[-1].commits, len(before)
    by = author if random.random() < 0.6 else random.choice(HUMANS)
    name = f"p{at}"
    dice = random.random()
    if dice < 0.25:
        return Push(by, 0, False, (*now, commit(random, author, name, number)), 1, "works on")
    if dice < 0.5:
        merge = Commit(name, random.choice((author, *HUMANS)), PLATFORM, (), verified=True, merge=True)
        what, pusher = "the platform merges the base", UPDATER
        if random.random() < 0.3:
            what, pusher = "has the platform merge the base", by
        if random.random() < 0.2:
            merge = replace(merge, clean=False, paths=(f"src/evil-{number}-{at}.py",))
            what += ", and something else with it"
        if random.random() < 0.2:
            merge = replace(merge, committer=by, author=by, verified=False)
            what, pusher = "merges the base by hand", random.choice((by, UPDATER))
        return Push(pusher, 0, False, (*now, merge), 1, what)
    work = [each for each in now if not each.merge]
    again = [replace(each, name=f"{each.name.partition(chr(39))[0]}'{at}") for each in work]
    what = "rebases"
    if dice > 0.75:
        what = random.choice(("rewrites one", "reorders", "adds one while rebasing", "drops one", "starts afresh"))
        if what == "rewrites one" and len(again[-1].paths) == 1:
            again[-1] = replace(again[-1], name=f"{again[-1].name.partition(chr(39))[0]}x{at}")
        elif what == "reorders":
            again.reverse()
        elif what == "adds one while rebasing":
            again.append(commit(random, author, name, number))
        elif what == "drops one" and len(again) > 1:
            again.pop()
        else:
            again = [commit(random, author, name, number)]
    if random.random() < 0.5:
        again = [replace(each, committer=by) if each.committer != PLATFORM else each for each in again]
    return Push(by, 0, True, tuple(again), len(again), what)
