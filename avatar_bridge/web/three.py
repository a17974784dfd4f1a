"""three.js as npm has it: fetched once, checked, and kept in the user's cache. None of it is part of this program."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from avatar_bridge.errors import WebError

VERSION: Final = "0.187.0"
INTEGRITY: Final = "Qiu7R+Cmh8CstZsY1uJOSWnVlfo7ZtNLV7mF8Jltk3LB3AtDu9cRZlcnRKkAk8Y4z6KKw35z7Y7Urd7jWY8etA=="
"""SHA-512 of the package, as npm gives it."""
FILES: Final = {
    "three.module.js": "build/three.module.js",
    "three.core.js": "build/three.core.js",
    "addons/loaders/GLTFLoader.js": "examples/jsm/loaders/GLTFLoader.js",
    "addons/utils/BufferGeometryUtils.js": "examples/jsm/utils/BufferGeometryUtils.js",
    "addons/utils/SkeletonUtils.js": "examples/jsm/utils/SkeletonUtils.js",
    "LICENSE": "LICENSE",
}
"""What the page asks for -> where it lies in the package."""
_PATIENCE_S: Final = 180.0


def three_folder(cache: Path | None = None) -> Path:
    """Return the folder that holds `FILES`; fetches it the first time.

    cache: where it is kept; default: the user's cache.

    Raises:
        WebError: there is no npm, no network, or the package is not the one that is expected.
    """
    import platformdirs

    folder = (cache or platformdirs.user_cache_path("rdr-live") / "web") / f"three-{VERSION}"
    if not all((folder / name).is_file() for name in FILES):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    """Write the files into a new folder, and give it its name when it is whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        package = _pack(Path(temporary))
        whole = Path(temporary) / "whole"
        for name, content in unpack(package.read_bytes()).items():
            (whole / name).parent.mkdir(parents=True, exist_ok=True)
            (whole / name).write_bytes(content)
        if folder.exists():  # half a folder of somebody else's making, or another process was faster
            shutil.rmtree(folder, ignore_errors=True)
        os.replace(whole, folder)


def _pack(folder: Path) -> Path:
    """Let npm fetch the package into a folder."""
    npm = shutil.which("npm")
    how = f"install npm (it comes with Node.js) and run rdr web --fetch once while online; it gets three {VERSION}"
    if npm is None:
        raise WebError(f"the page draws with three.js, which is fetched by npm, and there is no npm: {how}")
    try:
        subprocess.run(
            [npm, "pack", f"three@{VERSION}", "--silent"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines() or ["it says nothing"]
        raise WebError(f"npm cannot fetch three.js ({said[0][:120]}): {how}") from None
    return folder / f"three-{VERSION}.tgz"


def unpack(package: bytes) -> dict[str, bytes]:
    """Return `FILES` of a package. WebError where it is another one."""
    import io

    digest = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if digest != INTEGRITY:
        raise WebError(
            f"what npm fetched is not three {VERSION} (SHA-512 {digest[:16]}..., expected {INTEGRITY[:16]}...); "
            "is a proxy in between?"
        )
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        return {name: _member(archive, f"package/{inside}") for name, inside in FILES.items()}


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise WebError(f"three {VERSION} has no {name}")
    return file.read()
