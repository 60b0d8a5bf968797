"""What the service says when it refuses: status, message number and exception type, as clients match on them.

The numbers (TF401019, VS403...) and the type keys are the service's own; the sentences around them are ours where
only the number is known to matter.
"""

from __future__ import annotations

from dataclasses import dataclass

GIT = "Microsoft.TeamFoundation.Git.Server"
FRAMEWORK = "Microsoft.TeamFoundation.Framework.Server"
WEB_API = "Microsoft.VisualStudio.Services.WebApi"


@dataclass(frozen=True)
class Problem(Exception):  # noqa: N818 - a refusal is an answer here, not a failure of this program
    """A refusal, to be sent as the service's own error document."""

    status: int
    message: str
    type_key: str
    assembly: str = FRAMEWORK

    def document(self) -> dict[str, object]:
        """As it goes over the wire."""
        return {
            "$id": "1",
            "innerException": None,
            "message": self.message,
            "typeName": f"{self.assembly}.{self.type_key}, {self.assembly}",
            "typeKey": self.type_key,
            "errorCode": 0,
            "eventId": 3000,
        }


def unauthorized(who: str) -> Problem:
    """The credential is unknown."""
    return Problem(
        401, f"TF400813: The user '{who}' is not authorized to access this resource.", "UnauthorizedRequestException"
    )


def scope_missing(who: str, scopes: tuple[str, ...]) -> Problem:
    """The token is good, and may not do this."""
    wanted = " or ".join(scopes)
    return Problem(
        401,
        f"TF400813: The user '{who}' is not authorized to access this resource. The token lacks the scope {wanted}.",
        "UnauthorizedRequestException",
    )


def permission_missing(who: str, permission: str, what: str) -> Problem:
    """The person may see this, and may not change it."""
    return Problem(
        403,
        f"TF401027: You need the Git '{permission}' permission to perform this action. "
        f"Details: identity '{who}', scope '{what}'.",
        "GitNeedsPermissionException",
        GIT,
    )


def access_denied(who: str, permission: str, what: str) -> Problem:
    """A refusal outside git."""
    return Problem(
        403,
        f"VS403283: {who} needs the {permission} permission(s) to perform this action on {what}.",
        "AccessCheckException",
    )


def organization_not_found(name: str) -> Problem:
    """No organisation of this name."""
    return Problem(
        404,
        f"VS403006: The organization {name!r} does not exist, or it has been deleted.",
        "HostDoesNotExistException",
    )


def project_not_found(name: str) -> Problem:
    """No such project, or none that this person sees."""
    return Problem(
        404,
        f"TF200016: The following project does not exist: {name}. Verify that the name of the project is correct and "
        "that the project exists on the specified Azure DevOps Server.",
        "ProjectDoesNotExistWithNameException",
        "Microsoft.TeamFoundation.Core.WebApi",
    )


def repository_not_found(name: str) -> Problem:
    """No such repository, or none that this person may read: the service does not tell the two apart."""
    return Problem(
        404,
        f"TF401019: The Git repository with name or identifier {name} does not exist or you do not have permissions "
        "for the operation you are attempting.",
        "GitRepositoryNotFoundException",
        GIT,
    )


def pull_request_not_found() -> Problem:
    """No such pull request in the repository (or project)."""
    return Problem(404, "TF401180: The requested pull request was not found.", "GitPullRequestNotFoundException", GIT)


def item_not_found(path: str, repository: str, version: str, commit: str) -> Problem:
    """No such file at that version."""
    return Problem(
        404,
        f"TF401174: The item '{path}' could not be found in the repository '{repository}' at the version specified by "
        f"'<{version}>' (resolved to commit '{commit}')",
        "GitItemNotFoundException",
        GIT,
    )


def version_not_found(version: str, repository: str) -> Problem:
    """A branch, tag or commit that does not resolve."""
    return Problem(
        404,
        f"TF401175: The version descriptor <{version}> could not be resolved to a version in the repository "
        f"{repository}",
        "GitUnresolvableToCommitException",
        GIT,
    )


def no_branches(repository: str) -> Problem:
    """A repository that nobody has pushed to yet."""
    return Problem(
        404, f"VS403403: Cannot find any branches for the {repository} repository.", "GitItemNotFoundException", GIT
    )


def object_not_found(object_id: str, kind: str) -> Problem:
    """No git object of that id."""
    return Problem(
        404, f"TF401029: The {kind} with ID {object_id} could not be found.", "GitObjectDoesNotExistException", GIT
    )


def work_item_not_found(number: int | str) -> Problem:
    """No such work item, or none that this person may read."""
    return Problem(
        404,
        f"TF401232: Work item {number} does not exist, or you do not have permissions to read it.",
        "WorkItemUnauthorizedAccessException",
        "Microsoft.TeamFoundation.WorkItemTracking.Server",
    )


def missing(what: str, type_key: str, assembly: str = FRAMEWORK) -> Problem:
    """Any other thing that is not there; ``what`` is the whole sentence."""
    return Problem(404, what, type_key, assembly)


def bad_argument(message: str) -> Problem:
    """A request that cannot be understood."""
    return Problem(400, message, "VssPropertyValidationException", WEB_API)


def preview_version_required(version: str, resource: str) -> Problem:
    """Previews have to be asked for by name."""
    return Problem(
        400,
        f'The requested version "{version}" of the resource is under preview. The -preview flag must be supplied in '
        f'the api-version for such requests. For example: "{version}-preview" ({resource})',
        "VssInvalidPreviewVersionException",
        WEB_API,
    )


def version_out_of_range(version: str, highest: str) -> Problem:
    """Newer than the server."""
    return Problem(
        400,
        f"The requested REST API version of {version} is out of range for this server. The latest REST API version "
        f"this server supports is {highest}.",
        "VssVersionOutOfRangeException",
        WEB_API,
    )


def version_not_specified(method: str) -> Problem:
    """Only a GET may leave the version out."""
    return Problem(
        400,
        f'No api-version was supplied for the "{method}" request. The version must be supplied either as part of the '
        'Accept header (e.g. "application/json; api-version=1.0") or as a query parameter (e.g. "?api-version=1.0").',
        "VssVersionNotSpecifiedException",
        WEB_API,
    )


def no_controller(path: str) -> Problem:
    """A path that nothing here serves."""
    return Problem(
        404,
        f"The controller for path '{path}' was not found or does not implement IController.",
        "HttpException",
        "System.Web",
    )


def wrong_method(method: str) -> Problem:
    """A path that is served, by other methods."""
    return Problem(
        405, f"The requested resource does not support http method '{method}'.", "HttpException", "System.Web"
    )
