"""What the server says: answers, refusals, and S3's XML in both directions."""

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from xml.etree import ElementTree

NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

Node = tuple[str, 'str | int | bool | Iterable[Node]']


@dataclass
class Answer:
    """A status, headers and a body; `code` is S3's word for the error that the body tells of."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b''
    code: str = ''

    @property
    def status_line(self) -> str:
        return f'{self.status} {responses.get(self.status, "Unheard Of")}'


class AnswerError(Exception):
    """Ends the work on a call with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


class DroppedError(ConnectionResetError):
    """Ends a call without an answer; pywsgi takes it for a client that went away, and says nothing."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, 'no answer')


def document(tag: str, children: Iterable[Node], *, namespace: str = NAMESPACE) -> bytes:
    """An XML document of that root element."""
    root = _element(tag, children)
    if namespace:
        root.set('xmlns', namespace)
    text: bytes = ElementTree.tostring(root, encoding='UTF-8', xml_declaration=True)
    return text


def told(tag: str, children: Iterable[Node]) -> Answer:
    """A success that is told in XML."""
    return Answer(headers={'Content-Type': 'application/xml'}, body=document(tag, children))


def error(
    status: int,
    code: str,
    message: str = '',
    *,
    more: Iterable[Node] = (),
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error as S3 words it; `more` are elements that only this code has."""
    children = [('Code', code), ('Message', message or f'{code}, says the test'), *more]
    body = document('Error', children, namespace='')
    return Answer(status, {'Content-Type': 'application/xml', **(headers or {})}, body, code)


def refusal(status: int, code: str, message: str, **more: str) -> AnswerError:
    """An error to raise."""
    return AnswerError(error(status, code, message, more=list(more.items())))


def unsupported(what: str) -> AnswerError:
    return refusal(501, 'NotImplemented', f'this server does not know {what}')


def parsed(body: bytes, tag: str) -> ElementTree.Element:
    """The root element, all names without their namespace; refuses what is no XML or has another root."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as problem:
        raise malformed(str(problem)) from problem
    for each in root.iter():
        each.tag = each.tag.rpartition('}')[2]
    if root.tag != tag:
        raise malformed(f'{root.tag} where {tag} belongs')
    return root


def malformed(why: str) -> AnswerError:
    return refusal(400, 'MalformedXML', f'the document is not what the operation takes: {why}')


def _element(tag: str, value: 'str | int | bool | Iterable[Node]') -> ElementTree.Element:
    element = ElementTree.Element(tag)
    if isinstance(value, bool):
        element.text = str(value).lower()
    elif isinstance(value, str | int):
        element.text = str(value)
    else:
        element.extend(_element(*child) for child in value)
    return element
