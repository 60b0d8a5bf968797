"""From the address of a git remote to the target that names the same repository on its platform."""

from __future__ import annotations

import re
from urllib.parse import unquote

from bot.model.subjects import Platform

_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^\s]+)")
_URL = re.compile(r"[a-z+]+://(?:[^@/\s]*@)?(?P<host>[A-Za-z0-9.-]+)(?::\d+)?/(?P<path>[^\s]+)")


def target_of(address: str) -> str | None:
    """``github:acme/payments`` or ``ado:acme/Payments/payments``; None for another host."""
    match = _URL.fullmatch(address.strip()) or _SCP.fullmatch(address.strip())
    if match is None:
        return None
    host = match["host"].lower()
    path = [unquote(piece) for piece in match["path"].removesuffix(".git").split("/") if piece]
    match host, path:
        case (("github.com" | "ssh.github.com" | "www.github.com"), [owner, name]):
            return f"github:{owner}/{name}"
        case "ssh.dev.azure.com", [_, organization, project, name]:
            return f"ado:{organization}/{project}/{name}"
        case "dev.azure.com", [organization, project, "_git", name]:
            return f"ado:{organization}/{project}/{name}"
        case "dev.azure.com", [organization, "_git", name]:
            return f"ado:{organization}/{name}/{name}"
        case _ if host.endswith(".visualstudio.com"):
            organization = host.removesuffix(".visualstudio.com")
            rest = path[1:] if path[:1] == ["DefaultCollection"] else path
            match rest:
                case [project, "_git", name]:
                    return f"ado:{organization}/{project}/{name}"
                case ["_git", name]:
                    return f"ado:{organization}/{name}/{name}"
    return None


def platform_of(address: str) -> Platform | None:
    """The platform behind the address of a remote, also of a server of one's own as far as the address tells; else None.

    A GitHub Enterprise Server is known by its name (``github.acme.example``), an Azure DevOps Server by its paths (``/_git/``).
    """
    target = target_of(address)
    if target is not None:
        return Platform.GITHUB if target.startswith("github:") else Platform.AZURE_DEVOPS
    host = host_of(address)
    if host and "_git" in address.split("/"):
        return Platform.AZURE_DEVOPS
    return Platform.GITHUB if "github" in host.split(".") or host.endswith(".ghe.com") else None


def host_of(address: str) -> str:
    """The host of a remote's address, without the user and password that it may have; empty for a path."""
    match = _URL.fullmatch(address.strip()) or _SCP.fullmatch(address.strip())
    return match["host"].lower() if match is not None else ""
