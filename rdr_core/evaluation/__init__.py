"""Protocols, errors and reports (docs/evaluation.md)."""
