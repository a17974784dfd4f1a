"""Readers, samples, crops and augmentation."""
