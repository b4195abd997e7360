"""A package as it may grow around Tenon."""
