"""`rdr demo`: everything at once, on a photograph and a clip whose truth is known."""
