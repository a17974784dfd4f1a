"""Protocols of the benchmarks: which pictures, which points, normalised by what, in which groups.

Each is a function of where the pictures are and of `predict`, which finds the faces of samples, and gives an
`Evaluation`. Those of sets of which the data folder has a part read that part; with `published` they read a user's own
copy of the set, laid out as its authors do. DataError where the set is missing, broken or empty; NoFaceError where no
face was found.
"""
