"""What the add-on knows without Blender: standard library, numpy, zmq and msgpack; tested by plain pytest."""
