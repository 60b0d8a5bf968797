"""What ``pipelines/{id}/preview`` answers: one YAML file with its templates put in.

Covered: ``template:`` among stages, jobs, steps and variables, ``extends:``, templates of other repositories named in
``resources``, and parameters with their defaults, written ``${{ parameters.name }}``. Other template expressions
(``if``, ``each``, functions) stay as they are written.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

import yaml

from bot.sandbox.azure_devops.problems import Problem

Json = object
Reader = Callable[[str, str], str | None]
"""From a repository's name ("" is the pipeline's own) and a path to the file's text."""

PARAMETER = re.compile(r"\$\{\{\s*parameters(?:\.([\w-]+)|\['([^']+)'\])\s*\}\}")
LISTS = ("stages", "jobs", "steps", "variables")
MAX_DEPTH = 20


def expand(path: str, read: Reader) -> str:
    """The text of the pipeline at ``path`` with every template in place."""
    text = read("", path)
    if text is None:
        raise invalid(f"File /{path} not found in the pipeline's repository.")
    document = _load(text, path)
    if not isinstance(document, dict):
        raise invalid(f"/{path}: a mapping is expected at the top of a pipeline.")
    return yaml.safe_dump(_Expansion(document, read).pipeline(path), sort_keys=False, allow_unicode=True)


def invalid(message: str) -> Problem:
    """The refusal of a pipeline that cannot be expanded."""
    return Problem(400, message, "PipelineValidationException", "Microsoft.Azure.Pipelines.WebApi")


class _Expansion:
    """One expansion: the resources of the pipeline, and how files are read."""

    def __init__(self, document: dict[str, Json], read: Reader) -> None:
        self._document = document
        self._read = read
        self._repositories = {"self": ""}
        resources = document.get("resources")
        listed = resources.get("repositories") if isinstance(resources, dict) else None
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict):
                self._repositories[str(entry.get("repository"))] = str(entry.get("name"))

    def pipeline(self, path: str) -> Json:
        document = dict(self._document)
        document.pop("parameters", None)
        own = _defaults(self._document)
        extends = document.pop("extends", None)
        if isinstance(extends, dict):
            repository, where = self._locate(str(extends.get("template")), "", path)
            body = self._template(repository, where, _mapping(_fill(extends.get("parameters"), own)), 1)
            document.update(body)
        return self._walk(_fill(document, own), "", path, 0)

    def _walk(self, node: Json, repository: str, path: str, depth: int) -> Json:
        if isinstance(node, dict):
            return {
                key: self._spliced(str(key), value, repository, path, depth)
                if key in LISTS and isinstance(value, list)
                else self._walk(value, repository, path, depth)
                for key, value in node.items()
            }
        if isinstance(node, list):
            return [self._walk(item, repository, path, depth) for item in node]
        return node

    def _spliced(self, key: str, items: list[Json], repository: str, path: str, depth: int) -> list[Json]:
        """A list, with what its templates list in their place."""
        result: list[Json] = []
        for item in items:
            if isinstance(item, dict) and "template" in item:
                where, file = self._locate(str(item["template"]), repository, path)
                body = self._template(where, file, _mapping(item.get("parameters")), depth + 1)
                listed = body.get(key, [])
                if isinstance(listed, dict):  # variables may be a mapping
                    listed = [{"name": name, "value": value} for name, value in listed.items()]
                result.extend(listed if isinstance(listed, list) else [listed])
            else:
                result.append(self._walk(item, repository, path, depth))
        return result

    def _template(self, repository: str, path: str, given: Mapping[str, Json], depth: int) -> dict[str, Json]:
        if depth > MAX_DEPTH:
            raise invalid(f"/{path}: templates include one another more than {MAX_DEPTH} deep.")
        text = self._read(repository, path)
        if text is None:
            raise invalid(f"/{path}: File /{path} not found in repository {repository or 'self'}.")
        document = _load(text, path)
        if not isinstance(document, dict):
            raise invalid(f"/{path}: a mapping is expected at the top of a template.")
        values = {**_defaults(document), **given}
        body = {key: value for key, value in document.items() if key != "parameters"}
        walked = self._walk(_fill(body, values), repository, path, depth)
        assert isinstance(walked, dict)
        return walked

    def _locate(self, template: str, repository: str, path: str) -> tuple[str, str]:
        """The repository and path that ``steps.yml``, ``/shared/steps.yml`` or ``steps.yml@alias`` means."""
        file, at, alias = template.partition("@")
        if at:
            if alias not in self._repositories:
                raise invalid(f"/{path}: The repository alias {alias} is not among the pipeline's resources.")
            return self._repositories[alias], posixpath.normpath(file).lstrip("/")
        if file.startswith("/"):
            return repository, posixpath.normpath(file).lstrip("/")
        return repository, posixpath.normpath(posixpath.join(posixpath.dirname(path), file))


def _load(text: str, path: str) -> Json:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise invalid(f"/{path}: {error}") from error


def _defaults(document: Mapping[str, Json]) -> dict[str, Json]:
    """The parameters of a template with their defaults: a list with types, or the older plain mapping."""
    parameters = document.get("parameters")
    if isinstance(parameters, dict):
        return dict(parameters)
    if isinstance(parameters, list):
        return {str(each["name"]): each.get("default") for each in parameters if isinstance(each, dict)}
    return {}


def _fill(node: Json, values: Mapping[str, Json]) -> Json:
    """The node with parameters put in. One that is the whole scalar keeps its type."""
    if isinstance(node, str):
        whole = PARAMETER.fullmatch(node.strip())
        if whole and (name := whole[1] or whole[2]) in values:
            return values[name]
        return PARAMETER.sub(lambda match: _text(values.get(match[1] or match[2], match[0])), node)
    if isinstance(node, dict):
        return {
            _fill(key, values) if isinstance(key, str) else key: _fill(value, values) for key, value in node.items()
        }
    if isinstance(node, list):
        filled: list[Json] = []
        for item in node:
            value = _fill(item, values)
            if isinstance(item, str) and isinstance(value, list):  # - ${{ parameters.steps }} inserts the list
                filled.extend(value)
            else:
                filled.append(value)
        return filled
    return node


def _text(value: Json) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _mapping(value: Json) -> dict[str, Json]:
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}
