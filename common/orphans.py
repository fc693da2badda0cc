"""Child processes that never outlive us, not even when we are killed."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: signal.Signals) -> None:
    """In a child before it becomes its program: it gets that signal when we die (Linux: prctl(2))."""
    if sys.platform == 'linux':
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
