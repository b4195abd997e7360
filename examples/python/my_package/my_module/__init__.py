"""A module within the package."""
