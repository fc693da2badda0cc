"""Whether a file that is read again when it changes has changed."""

from pathlib import Path


def file_state(file: Path) -> object:
    """What changes when the file does; None if it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
