from __future__ import annotations

import threading
import time

import pytest

from avatar_bridge.control_messages import Done, Reply, Request
from avatar_bridge.errors import ControlError, RecordingError
from avatar_bridge.mailbox import Mailbox


def test_work_is_done_in_the_other_thread_and_answered() -> None:
    mailbox, threads = Mailbox(20), []
    replies: list[Reply] = []
    asking = threading.Thread(target=lambda: replies.append(mailbox.ask(Request(command="start"))))
    asking.start()

    def do(request: Request) -> Reply:
        threads.append(threading.current_thread())
        return Done(what=request.command)

    while not replies:
        mailbox.work(do)
    asking.join()
    assert replies == [Done(what="start")]
    assert threads == [threading.main_thread()]


def test_what_goes_wrong_reaches_the_one_who_asked() -> None:
    mailbox, errors = Mailbox(20), []

    def ask() -> None:
        try:
            mailbox.ask(Request(command="record"))
        except RecordingError as error:
            errors.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()

    def do(_: Request) -> Reply:
        raise RecordingError("the disk is full")

    while not errors:
        mailbox.work(do)
    asking.join()
    assert errors == ["the disk is full"]


def test_what_was_given_up_is_not_done_later() -> None:
    mailbox, done = Mailbox(0.02), []
    with pytest.raises(ControlError, match="too busy"):
        mailbox.ask(Request(command="quit"))
    mailbox.work(lambda request: done.append(request) or Done(what="x"))  # type: ignore[func-returns-value]
    assert done == []


def test_a_flood_is_refused() -> None:
    mailbox = Mailbox(0.5)
    errors: list[str] = []

    def ask() -> None:
        try:
            mailbox.ask(Request(command="status"))
        except ControlError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 20
    assert sum("too many" in error for error in errors) == 14
    assert sum("too busy" in error for error in errors) == 16
