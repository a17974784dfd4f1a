from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from zmq.auth import load_certificate

from avatar_bridge.curve import new_key_pair
from avatar_bridge.errors import StreamError
from avatar_bridge.keys import KeyStore, parse_key, to_hex
from avatar_bridge.messages import Hello
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


def test_a_pair_is_made_once_and_its_secret_is_the_owners(store: KeyStore) -> None:
    public = store.make()
    assert store.own()[0] == public
    secret = store.folder / "own.key_secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert load_certificate(secret) == tuple(key.encode() for key in store.own())
    assert load_certificate(store.folder / "own.key") == (public.encode(), None)
    with pytest.raises(StreamError, match="--replace"):
        store.make()
    assert store.make(replace=True) != public
    assert not list(store.folder.glob("*.part"))


def test_keys_are_written_in_two_ways(store: KeyStore) -> None:
    public, _ = new_key_pair()
    assert parse_key(to_hex(public)) == parse_key(f" {public}\n") == public
    store.allow("laptop", to_hex(public))
    assert parse_key(str(store.folder / "allowed" / "laptop.key")) == public


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "0" * 63, "\u00e4" * 40, "~" * 40, "no/such/file.key"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(StreamError, match="64 hexadecimal digits"):
        parse_key(text)


def test_the_list(store: KeyStore) -> None:
    store.make()
    with pytest.raises(StreamError, match="rdr keys allow"):
        store.server()
    first, second = new_key_pair()[0], new_key_pair()[0]
    store.allow("b", first)
    store.allow("a", second)
    store.allow("b", to_hex(second))
    assert store.allowed() == {"a": second, "b": second}
    assert store.server().allowed_clients == {second}
    store.revoke("a")
    assert list(store.allowed()) == ["b"]
    with pytest.raises(StreamError, match="a is not on the list: b"):
        store.revoke("a")
    for name in ("../a", "", "a b", "a.key"):
        with pytest.raises(StreamError, match="a name must be"):
            store.allow(name, first)


def test_damaged_keys_are_named(store: KeyStore) -> None:
    with pytest.raises(StreamError, match="rdr keys new"):
        store.own()
    store.make()
    secret = store.folder / "own.key_secret"
    if os.name == "posix":
        secret.chmod(0o640)
        with pytest.raises(StreamError, match="others can read"):
            store.own()
        secret.chmod(0o600)
    secret.write_text("curve\n", encoding="ascii")
    with pytest.raises(StreamError, match=r"own\.key_secret is no key file"):
        store.own()
    (store.folder / "own.key").replace(secret)
    secret.chmod(0o600)
    with pytest.raises(StreamError, match="has no secret key"):
        store.own()


def test_a_stream_between_two_machines(tmp_path: Path) -> None:
    studio, laptop = KeyStore(tmp_path / "studio"), KeyStore(tmp_path / "laptop")
    studio_key, laptop_key = to_hex(studio.make()), to_hex(laptop.make())
    studio.allow("laptop", laptop_key)
    with Publisher("tcp://0.0.0.0:*", curve=studio.server(), hello_interval_s=0.1) as publisher:
        port = publisher.endpoint.rpartition(":")[2]
        with Subscriber(f"tcp://127.0.0.1:{port}", curve=laptop.client(studio_key)) as subscriber:
            messages = subscriber.poll(20_000)
            assert isinstance(messages[0], Hello)
        with Subscriber(f"tcp://127.0.0.1:{port}") as stranger:
            assert stranger.poll(500) == []
