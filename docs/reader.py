"""A receiver of RDR Live in plain Python: python docs/reader.py [ENDPOINT]. Needs pyzmq and msgpack, nothing of ours.

Copy it, and put what you like in the place of print().
"""

import sys
import time

import msgpack
import zmq

ENDPOINT = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5570"
LIMITS = {"max_str_len": 4096, "max_bin_len": 4096, "max_array_len": 1024, "max_map_len": 256, "max_ext_len": 64}


def decode(payload):
    """Return a Hello or FaceFrame as a map; None where it is none that we can use. Raises nothing, whatever comes."""
    try:
        message = msgpack.unpackb(payload, **LIMITS) if len(payload) <= 65536 else None
    except (ValueError, TypeError, msgpack.UnpackException):
        return None
    if not isinstance(message, dict) or message.get("v") != 1:
        return None
    checks = {"hello": is_hello, "face_frame": is_frame}
    return message if checks.get(str(message.get("kind")), lambda _: False)(message) else None


def is_hello(message):
    names = message.get("blendshape_names")
    return isinstance(names, list) and len(names) == 46 and all(isinstance(name, str) for name in names)


def is_frame(message):
    whole = all(type(message.get(name)) is int for name in ("seq", "face_id", "publish_time_ns"))
    alpha = message.get("alpha_exp")
    numbers = isinstance(alpha, list) and len(alpha) == 46 and all(isinstance(x, float) and 0 <= x <= 1 for x in alpha)
    return whole and numbers and isinstance(message.get("session"), str)


socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.MAXMSGSIZE, 1 << 20)
socket.setsockopt(zmq.SUBSCRIBE, b"")
socket.connect(ENDPOINT)  # the sender may be there already, or come later, or come again
names, session, seq, lost = None, None, 0, 0
while True:
    message = decode(socket.recv())
    if message and message["kind"] == "hello":
        names = message["blendshape_names"]
    elif message and names:
        if message["session"] == session:
            lost += max(0, message["seq"] - seq - 1)
        session, seq = message["session"], message["seq"]
        strongest = sorted(zip(message["alpha_exp"], names, strict=True), reverse=True)[:3]
        late_ms = (time.time_ns() - message["publish_time_ns"]) / 1e6
        shapes = ", ".join(f"{name} {value:.2f}" for value, name in strongest)
        print(f"face {message['face_id']}: {shapes}; {late_ms:.1f} ms late, {lost} lost", flush=True)
