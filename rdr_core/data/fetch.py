"""Files from the web: http and https, as a stream to disk, with a size limit, retries and a check of what came."""

from __future__ import annotations

import hashlib
import http.client
import logging
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Final

from rdr_core.atomic import whole_file
from rdr_core.errors import DataError

logger = logging.getLogger(__name__)

TRIES: Final = 4
TIMEOUT_S: Final = 30.0
"""Of each wait for the server."""
_FIRST_PAUSE_S: Final = 0.5
_CHUNK: Final = 1 << 20
_TRY_AGAIN: Final = {408, 425, 429, 500, 502, 503, 504}


class _TooLarge(Exception):
    """More bytes than allowed."""


def is_url(where: Path | str) -> bool:
    """True for http and https addresses."""
    return isinstance(where, str) and where.startswith(("http://", "https://"))


def fetch(url: str, path: Path, max_bytes: int, sha256: str | None = None) -> None:
    """Read an address to a file, which appears only when it is whole.

    Args:
        url: http or https.
        max_bytes: more is refused, whatever the server says.
        sha256: hexadecimal; what does not have it is fetched again, then refused.

    Raises:
        DataError: it cannot be had, is too large, or differs.
    """
    if not is_url(url):
        raise DataError(f"{url}: only http and https addresses are read")
    for attempt in range(1, TRIES + 1):
        try:
            with whole_file(path) as temporary, temporary.open("wb") as file:
                _stream(url, file, max_bytes, sha256)
            return
        except _TooLarge as error:
            raise DataError(f"{url}: larger than {max_bytes} bytes") from error
        except (OSError, http.client.HTTPException, ValueError) as error:  # urllib's errors are OSErrors
            final = isinstance(error, urllib.error.HTTPError) and error.code not in _TRY_AGAIN
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            if final or attempt == TRIES:
                raise DataError(f"{url}: cannot be read ({error})") from error
            logger.warning("%s: %s; trying again (%d of %d)", url, error, attempt + 1, TRIES)
            time.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))


def _stream(url: str, file: IO[bytes], max_bytes: int, sha256: str | None) -> None:
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
        expected = response.headers.get("Content-Length")
        count = 0
        while chunk := response.read(_CHUNK):
            count += len(chunk)
            if count > max_bytes:
                raise _TooLarge
            digest.update(chunk)
            file.write(chunk)
    if expected is not None and count != int(expected):
        raise OSError(f"{count} of {expected} bytes came")
    if sha256 is not None and digest.hexdigest() != sha256:
        raise OSError("its content is not that of the manifest (SHA-256)")
