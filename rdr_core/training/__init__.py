"""Targets, losses, the loop and its checkpoints."""
