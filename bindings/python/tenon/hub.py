"""Models and weights of local folders and files, as torch.hub finds them. Nothing is downloaded."""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import urlparse

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

_folder: str | None = None


def get_dir() -> str:
    """Where weights are looked for: set_dir()'s folder, or hub below $TORCH_HOME or ~/.cache/torch."""
    cache = os.path.join(os.getenv("XDG_CACHE_HOME", "~/.cache"), "torch")
    return _folder or os.path.join(os.path.expanduser(os.getenv("TORCH_HOME", cache)), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Sets the folder where weights are looked for."""
    global _folder
    _folder = os.path.expanduser(d)


def _refuse(what: str) -> NoReturn:
    raise NotImplementedError(f"{what}: Tenon downloads nothing")


def _entries(folder: str | os.PathLike) -> ModuleType:
    # The module hubconf of a folder.
    path = os.path.join(os.path.expanduser(folder), "hubconf.py")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"torch.hub: there is no {path}")
    spec: Any = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(path))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(os.path.dirname(path))
    return module


def list(github: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: nothing is downloaded."""
    _refuse(f"torch.hub.list: {github}")


def help(github: str, model: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: nothing is downloaded."""
    _refuse(f"torch.hub.help: {github}")


def load(repo_or_dir: str | os.PathLike, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """A model that a folder offers (source="local"); its hubconf.py is run."""
    if source != "local":
        _refuse(f"torch.hub: '{repo_or_dir}' is to come from {source}; give a folder with source='local'")
    for option in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(option, None)
    entry = getattr(_entries(repo_or_dir), model, None)
    if not callable(entry):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return entry(*args, **kwargs)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """The weights of a file that was put into the folder of checkpoints before."""
    import tenon

    folder = model_dir or os.path.join(get_dir(), "checkpoints")
    path = os.path.join(folder, file_name or os.path.basename(urlparse(url).path))
    if not os.path.isfile(path):
        _refuse(f"torch.hub: {path} is missing and {url} would have to be fetched")
    return tenon.load(path, map_location=map_location, weights_only=weights_only)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> NoReturn:
    """Raises: nothing is downloaded."""
    _refuse(f"torch.hub.download_url_to_file: {url}")


_download_url_to_file = download_url_to_file
