"""Takes in the formats of other programs, and back: one module per format (docs/convert.md)."""
