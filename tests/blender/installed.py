"""The built zip in a real Blender, installed as a user installs it, into a user folder of its own; once a process."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

USER_FOLDER = tempfile.TemporaryDirectory(prefix="rdr_blender_")
os.environ["BLENDER_USER_RESOURCES"] = USER_FOLDER.name  # read when bpy is imported

import bpy
import pytest
from publishing import PublisherProcess

PACKAGE = "bl_ext.user_default.rdr_live"


def install() -> None:
    """Install and enable the zip, as a user does."""
    zip_path = os.environ.get("RDR_ADDON_ZIP")
    if not zip_path:
        raise pytest.UsageError("RDR_ADDON_ZIP is not set: run make test-blender")
    done = bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
    assert done == {"FINISHED"}, done
    assert PACKAGE in bpy.context.preferences.addons


def part(name: str) -> Any:
    """Return a module of the installed add-on."""
    return import_module(f"{PACKAGE}.{name}")


def preferences() -> Any:
    """Return the add-on's preferences."""
    return bpy.context.preferences.addons[PACKAGE].preferences


def connect(publisher: PublisherProcess) -> Any:
    """Connect as the button does, and wait until the publisher has answered."""
    preferences().address = publisher.endpoint
    assert bpy.ops.rdr_live.connect() == {"FINISHED"}
    session = part("bl.live").session()
    tick_until(lambda: session.receiver.hello is not None)
    return session


def tick_until(enough: Callable[[], bool], seconds: float = 20.0) -> None:
    """Tick, as the timer would, until something is so."""
    tick = part("bl.live").tick
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert tick() is not None
        if enough():
            return
        time.sleep(0.004)
    raise AssertionError("it did not come to be")


def tick_frames(count: int) -> None:
    """Tick until so many face frames have come in all."""
    live = part("bl.live")
    tick_until(lambda: live.stats().frames >= count)


install()  # before the tests of the core are collected, too: zmq and msgpack come with the add-on
