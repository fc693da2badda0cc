"""Conditional requests, and those for a part (RFC 9110 sections 13 and 14), refused like all others."""

from typing import TypeVar, cast

from flask import request
from werkzeug import Response
from werkzeug.exceptions import HTTPException, PreconditionFailed

from common.segment import shown

R = TypeVar('R', bound=Response)


def conditional(response: R, *, accept_ranges: bool = False, length: int | None = None) -> R:
    """What the request wants of the response, of so many bytes; closes it and raises what is refused."""
    try:
        wanted = response.make_conditional(request, accept_ranges=accept_ranges, complete_length=length)
        if wanted.status_code == PreconditionFailed.code:
            raise PreconditionFailed(f'If-Match: {shown(request.path)} has another ETag')
    except HTTPException:
        response.close()
        raise
    return cast(R, wanted)
