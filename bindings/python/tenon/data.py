"""The datasets and loaders of tenon.utils.data under a shorter name."""

from tenon.utils.data import *  # noqa: F403
