"""Live avatar service: capture, smoothing, the wire (ZeroMQ, msgpack) and takes. Knows nothing of tensors."""
