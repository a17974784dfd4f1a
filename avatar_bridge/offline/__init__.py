"""Videos tracked frame by frame, however long that takes: one, a folder, an archive on a cluster."""
