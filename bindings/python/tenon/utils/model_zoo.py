"""The old place of what is in tenon.hub."""

from tenon.hub import _download_url_to_file  # noqa: F401
from tenon.hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]
