"""The dynamic expression model (Eq. 1, 2, 7) and where it comes from."""
