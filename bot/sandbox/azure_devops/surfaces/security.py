"""Who may do what to a repository: access control lists of the git namespace.

Tokens are ``repoV2/{project}/{repository}`` and, for a branch, that and ``/refs/heads/`` with each part of its name in
hexadecimal UTF-16. What a scenario's permissions give stands on the repository; what a protection gives or leaves
open stands on its branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import people, problems
from bot.sandbox.azure_devops.call import Call, Json, collection
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import SECURITY

if TYPE_CHECKING:
    from bot.sandbox.scenario import ProtectionPart
    from bot.sandbox.world import Project, Repository

GIT = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87"

ACTIONS = {
    1: ("Administer", "Administer"),
    2: ("GenericRead", "Read"),
    4: ("GenericContribute", "Contribute"),
    8: ("ForcePush", "Force push (rewrite history, delete branches and tags)"),
    16: ("CreateBranch", "Create branch"),
    32: ("CreateTag", "Create tag"),
    64: ("ManageNote", "Manage notes"),
    128: ("PolicyExempt", "Bypass policies when pushing"),
    256: ("CreateRepository", "Create repository"),
    512: ("DeleteRepository", "Delete or disable repository"),
    1024: ("RenameRepository", "Rename repository"),
    2048: ("EditPolicies", "Edit policies"),
    4096: ("RemoveOthersLocks", "Remove others' locks"),
    8192: ("ManagePermissions", "Manage permissions"),
    16384: ("PullRequestContribute", "Contribute to pull requests"),
    32768: ("PullRequestBypassPolicy", "Bypass policies when completing pull requests"),
    65536: ("ViewAdvSecAlerts", "Advanced Security: view alerts"),
    131072: ("DismissAdvSecAlerts", "Advanced Security: manage and dismiss alerts"),
    262144: ("ManageAdvSecScanning", "Advanced Security: manage settings"),
}

READ = 2
TRIAGE = READ | 16384
WRITE = TRIAGE | 4 | 16 | 32 | 64
MAINTAIN = WRITE | 4096
ADMIN = MAINTAIN | 1 | 8 | 512 | 1024 | 2048 | 8192
BITS = {"read": READ, "triage": TRIAGE, "write": WRITE, "maintain": MAINTAIN, "admin": ADMIN}
BYPASS = 128 | 32768
FORCE_PUSH = 8


@answers("security_namespaces", "GET", SECURITY)
def security_namespaces(call: Call) -> object:
    """The one namespace that is served, with its actions."""
    wanted = call.values.get("securitynamespaceid", GIT).lower()
    if wanted not in (GIT, "00000000-0000-0000-0000-000000000000"):
        return collection([])
    actions = [
        {"bit": bit, "name": name, "displayName": label, "namespaceId": GIT} for bit, (name, label) in ACTIONS.items()
    ]
    row: Json = {
        "namespaceId": GIT,
        "name": "Git Repositories",
        "displayName": "Git Repositories",
        "separatorValue": "/",
        "elementLength": -1,
        "writePermission": 8192,
        "readPermission": 2,
        "dataspaceCategory": "Git",
        "actions": actions,
        "structureValue": 1,
        "extensionType": None,
        "isRemotable": True,
        "useTokenTranslator": True,
        "systemBitMask": 0,
    }
    return collection([row])


@answers("access_control_lists", "GET", SECURITY)
def access_control_lists(call: Call) -> object:
    """The lists at a token, and with ``recurse`` those below it. Effective bits come with ``includeExtendedInfo``."""
    if call.values.get("securitynamespaceid", "").lower() != GIT:
        raise problems.missing("TF50309: The security namespace does not exist.", "InvalidSecurityNamespaceException")
    token = call.text("token").rstrip("/")
    wanted = set(call.listed("descriptors"))
    recurse, extended = call.flag("recurse"), call.flag("includeExtendedInfo")
    rows: list[Json] = []
    for project in call.collection.projects(call):
        if token and not _related(token, f"repoV2/{project.guid}"):
            continue
        for repository in call.collection.repositories(project, call):
            root = f"repoV2/{project.guid}/{repository.guid}"
            if token and not _related(token, root):
                continue
            lists = _lists(call, project, repository, root)
            rows.extend(
                _document(name, entries, lists[root], wanted, extended=extended, root=root)
                for name, entries in lists.items()
                if not token
                or name.lower() == token.lower()
                or (recurse and name.lower().startswith(f"{token.lower()}/"))
            )
    return collection(rows)


def _related(token: str, root: str) -> bool:
    one, other = token.lower(), root.lower()
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _document(
    token: str,
    entries: dict[str, int],
    inherited: dict[str, int],
    wanted: set[str],
    *,
    extended: bool,
    root: str,
) -> Json:
    aces: Json = {}
    above = inherited if token != root else {}
    for descriptor in dict.fromkeys([*entries, *(above if extended else ())]):
        if wanted and descriptor not in wanted:
            continue
        allow, from_above = entries.get(descriptor, 0), above.get(descriptor, 0)
        ace: Json = {"descriptor": descriptor, "allow": allow, "deny": 0}
        if extended:
            ace["extendedInfo"] = {
                "effectiveAllow": allow | from_above,
                "effectiveDeny": 0,
                "inheritedAllow": from_above,
                "inheritedDeny": 0,
            }
        aces[descriptor] = ace
    return {
        "inheritPermissions": True,
        "token": token,
        "acesDictionary": aces,
        "includeExtendedInfo": extended,
    }


def _lists(call: Call, project: Project, repository: Repository, root: str) -> dict[str, dict[str, int]]:
    """Token to descriptor to allowed bits."""
    owner = call.collection
    here: dict[str, int] = {
        _group(project, people.PROJECT_ADMINISTRATORS): ADMIN,
        _group(project, people.CONTRIBUTORS): 0,
    }
    for name, permission in repository.part.permissions.items():
        here[_descriptor(call, name)] = BITS[permission]
    for login in owner.organization.part.owners:
        here[_descriptor(call, login)] = ADMIN
    lists = {root: here}
    for part in [*owner.organization.part.protection, *repository.part.protection]:
        if part.enforcement != "active":
            continue
        entries = lists.setdefault(f"{root}/{branch_token(_branch(part, repository))}", {})
        for name in part.bypass:
            for descriptor in _bypassing(call, project, repository, name):
                entries[descriptor] = entries.get(descriptor, 0) | BYPASS
        if part.via == "classic" and not part.enforce_admins:
            for descriptor in _bypassing(call, project, repository, "role:admin"):
                entries[descriptor] = entries.get(descriptor, 0) | BYPASS
        if part.allow_force_push:
            everyone = _group(project, people.CONTRIBUTORS)
            entries[everyone] = entries.get(everyone, 0) | FORCE_PUSH
    return {token: entries for token, entries in lists.items() if entries}


def _branch(part: ProtectionPart, repository: Repository) -> str:
    return repository.default_branch if part.branch == "default" else part.branch.partition("*")[0].rstrip("/")


def branch_token(branch: str) -> str:
    """The part of a security token that names a branch, or a folder of branches."""
    parts = [part.encode("utf-16-le").hex() for part in branch.split("/") if part]
    return "/".join(["refs", "heads", *parts])


def _group(project: Project, name: str) -> str:
    return people.group_legacy_descriptor(people.project_group(project, name))


def _descriptor(call: Call, name: str) -> str:
    """The identity descriptor of a login or of ``team:NAME``."""
    if name.startswith("team:"):
        team = people.find_team(call.collection, name.removeprefix("team:"))
        if team is not None:
            return people.group_legacy_descriptor(team.guid)
    return people.legacy_descriptor(call.collection, people.account(call.collection, name))


def _bypassing(call: Call, project: Project, repository: Repository, name: str) -> list[str]:
    """Whom a bypass means: a login, a team, or all who have a role."""
    if not name.startswith("role:"):
        return [_descriptor(call, name)]
    role = name.removeprefix("role:")
    named = [_descriptor(call, each) for each, permission in repository.part.permissions.items() if permission == role]
    if role == "admin":
        named.append(_group(project, people.PROJECT_ADMINISTRATORS))
    return named


@answers("permissions", "GET", SECURITY)
def permissions(call: Call) -> object:
    """Whether the caller has all of some bits on each of some tokens."""
    if call.values.get("securitynamespaceid", "").lower() != GIT:
        raise problems.missing("TF50309: The security namespace does not exist.", "InvalidSecurityNamespaceException")
    wanted = call.whole("permissions") if "permissions" in call.values else 0
    index = call.collection.current()
    answers_: list[bool] = []
    for token in (call.text("tokens") or call.text("token")).split(call.text("delimiter") or ","):
        parts = token.split("/")
        repository = index.by_guid.get(parts[2].lower()) if len(parts) > 2 else None
        if repository is None:
            answers_.append(False)
            continue
        have = "admin" if call.token.kind != "pat" else call.world.permission(call.token.login, repository)
        answers_.append(have is not None and BITS[have] & wanted == wanted)
    return collection(answers_)
