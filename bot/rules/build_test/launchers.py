"""Takes off a command what only launches another: ``sudo``, ``uvx``, ``python -m``, ``docker run IMAGE``, ``npx`` ..."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*|py")
_ENDINGS = (".exe", ".cmd", ".bat", ".phar", ".ps1")


@dataclass(frozen=True, slots=True)
class Launcher:
    """A program that runs the program named after it."""

    words: tuple[str, ...] = ()
    """What must follow its own name: ``run`` of ``poetry run``."""
    takes_value: frozenset[str] = frozenset()
    """Its options that are followed by a value."""
    arguments: int = 0
    """Arguments of its own before the program: the limit of ``timeout``."""


def _launcher(words: str = "", takes_value: str = "", arguments: int = 0) -> Launcher:
    return Launcher(tuple(words.split()), frozenset(takes_value.split()), arguments)


UV = (
    "-p --python --with --with-editable --with-requirements --group --extra --from --index --package --project "
    "--directory --env-file"
)
NPX = "-p --package -c --call -w --workspace"
DOCKER = (
    "-e --env --env-file -v --volume -w --workdir -u --user --name --network --net --entrypoint --platform -p --publish "
    "--mount --label -l --add-host --cpus -m --memory --pull --tmpfs --volumes-from --hostname -h"
)
LAUNCHERS: dict[str, tuple[Launcher, ...]] = {
    "sudo": (_launcher("", "-u --user -g --group -C -h -p"),),
    "env": (_launcher("", "-u --unset -C --chdir -S"),),
    "command": (_launcher(),),
    "exec": (_launcher("", "-a"),),
    "nice": (_launcher("", "-n"),),
    "nohup": (_launcher(),),
    "stdbuf": (_launcher("", "-i -o -e"),),
    "time": (_launcher("", "-f -o"),),
    "timeout": (_launcher("", "-k -s --kill-after --signal", 1),),
    "xargs": (_launcher("", "-I -n -P -L -d -a -s -E"),),
    "xvfb-run": (_launcher("", "-s -n -e -f"),),
    "uvx": (_launcher("", UV),),
    "uv": (_launcher("run", UV), _launcher("tool run", UV)),
    "pipx": (_launcher("run", "--spec --python --pip-args"),),
    "poetry": (_launcher("run", "-C --directory -P --project"),),
    "pdm": (_launcher("run", "-p --project"),),
    "hatch": (_launcher("run", "-e --env"),),
    "rye": (_launcher("run"),),
    "pipenv": (_launcher("run"),),
    "conda": (_launcher("run", "-n --name -p --prefix"),),
    "pixi": (_launcher("run", "-e --environment --manifest-path"),),
    "npx": (_launcher("", NPX),),
    "npm": (_launcher("exec", NPX), _launcher("x", NPX)),
    "pnpm": (_launcher("exec", "-C --dir --filter -F"), _launcher("dlx"), _launcher("--filter")),
    "yarn": (_launcher("exec"), _launcher("dlx", "-p --package")),
    "bun": (_launcher("x", "-p --package"),),
    "bunx": (_launcher("", "-p --package"),),
    "bundle": (_launcher("exec"),),
    "composer": (_launcher("exec"),),
    "php": (_launcher("", "-d -c"),),
    "dotnet": (_launcher("tool run"), _launcher("tool exec"), _launcher("dnx")),
    "dnx": (_launcher(),),
    "go": (_launcher("run", "-C -mod -modfile -tags"), _launcher("tool", "-C -modfile")),
    "mise": (_launcher("exec", "-C"), _launcher("x", "-C")),
    "docker": (_launcher("run", DOCKER), _launcher("container run", DOCKER)),
    "podman": (_launcher("run", DOCKER),),
    "nerdctl": (_launcher("run", DOCKER),),
}
CONTAINERS = frozenset({"docker", "podman", "nerdctl"})


def program(word: str) -> str:
    """The name of a program as it is matched: without folder, ending, version and wrapper script."""
    name = word.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if "@" in name[1:]:
        name = name[: name.index("@", 1)]
    name = name.lower()
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return {"gradlew": "gradle", "mvnw": "mvn", "pre-commit": "pre-commit"}.get(name, name)


def launched(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command that is really run: ``sudo uvx ruff@0.9 check`` gives ``ruff check``; the program is normalised."""
    for _ in range(12):
        if not words:
            return ()
        name = program(words[0])
        if name == "command" and words[1:2] in (("-v",), ("-V",)):
            return ()  # it asks where a program is, and runs nothing
        inner = _without(name, words[1:])
        if inner is None:
            return (name, *words[1:])
        words = inner
    return words


def _without(name: str, words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The command behind one launcher; None where the program is none."""
    if _PYTHON.fullmatch(name):
        return _module(words)
    for launcher in LAUNCHERS.get(name, ()):
        if tuple(word.lower() for word in words[: len(launcher.words)]) != launcher.words:
            continue
        rest = _after_options(words[len(launcher.words) :], launcher.takes_value, launcher.arguments)
        if name in CONTAINERS:
            return _in_image(rest)
        if name == "pixi" or (name == "hatch" and rest and ":" in rest[0]):
            rest = (rest[0].rpartition(":")[2], *rest[1:]) if rest else rest
        return rest
    return None


def _after_options(words: tuple[str, ...], takes_value: frozenset[str], arguments: int) -> tuple[str, ...]:
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            index += 1
            break
        if _ASSIGNMENT.match(word):
            index += 1
        elif word.startswith("-"):
            index += 2 if word in takes_value else 1
        elif arguments:
            arguments -= 1
            index += 1
        else:
            break
    return words[index:]


def _module(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """``-m mypy src`` gives ``mypy src``; a script that is given by its path is run under its name."""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        if words[index] == "-m" and index + 1 < len(words):
            return (words[index + 1].replace("_", "-"), *words[index + 2 :])
        if words[index] == "-c":
            return None
        index += 2 if words[index] in ("-W", "-X") else 1
    return words[index:] if index < len(words) and not words[index].endswith(".py") else None


def _in_image(words: tuple[str, ...]) -> tuple[str, ...]:
    """``zricethezav/gitleaks:v8 detect`` gives ``gitleaks detect``; an image whose arguments begin with a program of its own
    name gives those arguments.
    """
    if not words:
        return ()
    image = words[0].partition("@")[0].rpartition("/")[2].partition(":")[0].lower()
    rest = words[1:]
    if rest and not rest[0].startswith("-") and image in (program(rest[0]), f"{program(rest[0])}-cli"):
        return rest
    if rest and image in GENERIC_IMAGES:
        return rest
    return (image, *rest)


GENERIC_IMAGES = frozenset(
    {"python", "node", "golang", "ruby", "rust", "php", "alpine", "ubuntu", "debian", "maven", "gradle", "sdk"}
)
"""Images that hold no tool of their own: what is run in them is what counts."""
