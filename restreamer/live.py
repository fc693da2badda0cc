"""The live windows of the variants that players ask for."""

from collections.abc import Sequence
from datetime import datetime

from common.live import LiveWindow
from common.segment import Segment


class LiveWindows:
    """The live window of each variant that was asked for."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], LiveWindow] = {}

    def moved_on(self, stream: str, variant: str, held: Sequence[Segment], start: datetime) -> LiveWindow:
        """The variant's window with what is new of `held`, and without what ends by `start`."""
        before = self._windows.get((stream, variant), LiveWindow())
        window = self._windows[stream, variant] = before.with_newest(held).since(start)
        return window
