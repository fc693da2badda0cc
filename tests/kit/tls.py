"""Certificates for loopback, made for one run of the tests."""

import ssl
from pathlib import Path

import trustme


class Authority:
    """Vouches for servers on loopback, to whoever trusts its file."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def write_to(self, folder: Path) -> Path:
        """The file for AWS_CA_BUNDLE."""
        file = folder / 'authority.pem'
        self._authority.cert_pem.write_to_path(str(file))
        return file

    def context(self) -> ssl.SSLContext:
        """For a server at 127.0.0.1."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert('127.0.0.1').configure_cert(context)
        return context
