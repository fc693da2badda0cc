"""Whose certificates are trusted over HTTPS: the same everywhere."""

import os

from certifi import where


def authorities() -> str:
    """The file of the authorities that requests would trust too."""
    return os.environ.get('REQUESTS_CA_BUNDLE') or os.environ.get('CURL_CA_BUNDLE') or where()
