"""The Blender add-on: face frames from the stream to shape keys, head pose and takes."""
