"""Which OAuth scope includes which, as Microsoft's page on scopes has it (Integrate: OAuth, "Scopes")."""

from __future__ import annotations

CODE = ("vso.code",)
CODE_WRITE = ("vso.code_write",)
CODE_STATUS = ("vso.code_status", "vso.code_write")
CODE_OR_STATUS = ("vso.code", "vso.code_status")
THREADS = ("vso.threads_full", "vso.code_write")
CODE_OR_THREADS = ("vso.code", "vso.threads_full")
WORK = ("vso.work",)
WORK_WRITE = ("vso.work_write",)
BUILD = ("vso.build",)
BUILD_EXECUTE = ("vso.build_execute",)
PROJECT = ("vso.project",)
RELEASE = ("vso.release",)
ENVIRONMENT = ("vso.environment_manage",)
RESOURCES = ("vso.environment_manage", "vso.pipelineresources_use", "vso.build")
IDENTITY = ("vso.identity", "vso.graph")
GRAPH = ("vso.graph",)
SECURITY = ("vso.security_manage",)
ADVSEC = ("vso.advsec",)
AUDIT = ("vso.auditlog",)

INCLUDES = {
    "vso.code_full": ("vso.code_manage", "vso.threads_full"),
    "vso.code_manage": ("vso.code_write",),
    "vso.code_write": ("vso.code", "vso.code_status"),
    "vso.work_full": ("vso.work_write",),
    "vso.work_write": ("vso.work",),
    "vso.build_execute": ("vso.build",),
    "vso.release_manage": ("vso.release_execute",),
    "vso.release_execute": ("vso.release",),
    "vso.project_manage": ("vso.project_write",),
    "vso.project_write": ("vso.project",),
    "vso.pipelineresources_manage": ("vso.pipelineresources_use",),
    "vso.identity_manage": ("vso.identity",),
    "vso.graph_manage": ("vso.graph",),
    "vso.advsec_manage": ("vso.advsec_write",),
    "vso.advsec_write": ("vso.advsec",),
}


def closure(scopes: list[str]) -> frozenset[str]:
    """The scopes, and all that they include."""
    found: set[str] = set()
    waiting = list(scopes)
    while waiting:
        scope = waiting.pop()
        if scope not in found:
            found.add(scope)
            waiting.extend(INCLUDES.get(scope, ()))
    return frozenset(found)
