"""Files of other repositories: what makes one a text that can be read, and what is said where it cannot be had.

The words are the same on every platform.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.policy.references import LARGEST, Reference


def no_repository(reference: Reference, needs: str) -> PlatformError:
    """A repository that is not there and one that the token may not see look the same from outside."""
    return PlatformError(
        f"{reference}: there is no repository {reference.place}, or the token may not see it. Check the name; the token "
        f"needs {needs} there."
    )


def no_version(reference: Reference, tried: Sequence[str], needs: str) -> PlatformError:
    """None of the kinds of version that were looked for (``tag``, ``branch``) has this name."""
    if reference.ref is None:
        return PlatformError(
            f"{reference}: {reference.place} has no default branch to read a file from: it is empty, or the token may not "
            f"read it. The token needs {needs} there."
        )
    short = (
        reference.commit is None and len(reference.ref) >= 7 and set(reference.ref.lower()) <= set("0123456789abcdef")
    )
    hint = "A commit is named by all 40 digits of its hash" if short else "Check the name"
    return PlatformError(
        f"{reference}: {reference.place} has no {' and no '.join(tried)} {reference.ref!r}, or the token may not read it. "
        f"{hint}; the token needs {needs} there."
    )


def no_file(reference: Reference) -> PlatformError:
    """The version is there, and has no such path."""
    version = "its default branch" if reference.ref is None else repr(reference.ref)
    return PlatformError(
        f"{reference}: there is no file {reference.path!r} in {reference.place} at {version}. The path is from the "
        "repository's root, and upper and lower case differ."
    )


def no_regular_file(reference: Reference, what: str) -> PlatformError:
    """Something else is at the path: ``a folder``, ``a symbolic link``, ``a submodule``."""
    return PlatformError(f"{reference}: {reference.path!r} is {what}. Name a file.")


def no_text(reference: Reference) -> PlatformError:
    """The file is binary, or in another encoding."""
    return PlatformError(f"{reference}: the file is not UTF-8 text. Name a YAML file that is saved as UTF-8.")


def unread(reference: Reference, reason: str, kind: UnknownKind | None) -> PlatformError:
    """Whatever else kept it from being read."""
    return PlatformError(f"{reference} cannot be read: {reason}", kind)


def blob_id(data: bytes) -> str:
    """The id that git gives a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def bytes_of(text: object, identity: str) -> bytes | None:
    """The bytes of the file of this id, where the text is the whole of it; None where it has to be read as it is.

    Servers cut long files, and decode them by their own guess at the encoding.
    """
    data = text.encode("utf-8", "replace") if isinstance(text, str) else None
    return data if data is not None and blob_id(data) == identity else None


def check_size(reference: Reference, size: int) -> None:
    """Raises ``PlatformError`` for a file that is too large to be a policy."""
    if size > LARGEST:
        raise PlatformError(
            f"{reference}: the file has {size:,} bytes, more than the {LARGEST:,} that are read. Name a smaller one."
        )


def decoded(reference: Reference, data: bytes) -> str:
    """The text of a file that is text, and not too large. Raises ``PlatformError``."""
    check_size(reference, len(data))
    if b"\0" in data:
        raise no_text(reference)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise no_text(reference) from None
