"""Capture as a part of a stream's recording: one session, made of the stream's recipe."""

from dataclasses import replace
from typing import Any

from backfiller.capture.origin import Origin
from backfiller.capture.recipe import ALL, BEST, Recipe
from backfiller.capture.session import Session
from backfiller.client import Client, any_http
from backfiller.streams.keeper import Work
from backfiller.streams.stream import Stream
from common.place import Store

DEADLINE_SECONDS = 30.0


class Capturing:
    """A session, and what it was made of."""

    def __init__(self, stream: Stream, store: Store) -> None:
        self._stream = stream
        self._session = _session(stream.recipe, store)

    def run(self) -> None:
        self._session.run()

    def status(self) -> dict[str, Any]:
        return {'source': self._stream.source}

    def adopt(self, stream: Stream) -> bool:
        """Whether it goes on as it is: the session knows of the first source alone."""
        return _with_one_source(stream.recipe) == _with_one_source(self._stream.recipe)


def work(store: Store) -> Work:
    """The capture of streams into the store."""
    return Work('capture', lambda stream: stream.recipe, lambda stream: Capturing(stream, store))


def _session(recipe: Recipe, store: Store) -> Session:
    client = Client(deadline_seconds=DEADLINE_SECONDS, may_redirect=any_http)
    variant = '' if recipe.variants == (ALL,) else recipe.variants[0].replace(BEST, 'source')
    return Session(Origin(recipe.sources[0], client), store, recipe.stream, variant)


def _with_one_source(recipe: Recipe) -> Recipe:
    return replace(recipe, sources=recipe.sources[:1])
