"""Measurements of speed; results are JSON with facts of the machine. Ratios within one run compare, times do not."""
