"""What users would pick instead, on the same frames in the same run: `python -m benchmarks.peers CLIP ...`."""
