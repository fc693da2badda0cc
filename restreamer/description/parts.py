"""What the description of a route is made of. `restreamer.description.document` makes OpenAPI of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

OPEN, READ, SIGNED, ADMIN = 'open', 'read', 'signed', 'admin'
"""Who gets an answer: everybody, who has a token, who has a signature instead, who has the admin token."""


@dataclass(frozen=True)
class Parameter:
    """A part of the path, of the query or of the head of a request."""

    name: str
    where: str
    meaning: str
    schema: Schema
    example: Any
    required: bool = False


@dataclass(frozen=True)
class Body:
    """What a request brings along, as JSON."""

    meaning: str
    schema: Schema
    example: Any


@dataclass(frozen=True)
class Answer:
    """What one status means, with the schema of its body by media type, and the headers that matter."""

    meaning: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    example: Any = None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """A route without what its rule and its docstring say.

    `asked` is what its example asks with, by the names of the parameters, besides the path.
    """

    chapter: str
    answers: Mapping[int, Answer]
    takes: tuple[Parameter, ...] = ()
    body: Body | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    who: str = READ


def json_of(meaning: str, schema: Schema, example: Any = None, *headers: str) -> Answer:
    """An answer in JSON."""
    return Answer(meaning, {'application/json': schema}, example, headers)


def refused(meaning: str, *headers: str) -> Answer:
    """An answer that is one sentence."""
    return json_of(meaning, {'$ref': '#/components/schemas/Error'}, None, *headers)


def blob_of(meaning: str, mimetype: str, *headers: str) -> Answer:
    """An answer that is no text."""
    return blobs_of(meaning, [mimetype], *headers)


def blobs_of(meaning: str, mimetypes: Iterable[str], *headers: str) -> Answer:
    """An answer that is no text, of one of these types."""
    binary: Schema = {'type': 'string', 'format': 'binary'}
    return Answer(meaning, dict.fromkeys(mimetypes, binary), None, headers)


def text_of(meaning: str, mimetype: str, example: str | None = None, *headers: str) -> Answer:
    """An answer that is text."""
    return Answer(meaning, {mimetype: {'type': 'string'}}, example, headers)
