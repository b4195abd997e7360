"""Helpers around tensors and training."""
