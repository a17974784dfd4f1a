"""What touches Blender's data: thin, on the main thread only, and without references kept between two ticks."""
