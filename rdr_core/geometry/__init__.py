"""Pure geometry: rotations, projection, outlines, similarities, deformation transfer."""
