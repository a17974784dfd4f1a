"""Fit the face model to one user: frames and landmarks to identity, blendshapes, ranges and adapted weights."""
