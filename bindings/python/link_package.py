"""Links the files of a Python package into a build folder, so that the built extension is imported with them."""

import os
import sys
from pathlib import Path


def link_tree(source: Path, target: Path) -> None:
    """Makes `target` a folder with a link for every Python file of `source`."""
    for path in source.rglob("*"):
        if path.suffix not in {".py", ".pyi", ".typed"}:
            continue
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() or link.exists():
            link.unlink()
        os.symlink(path, link)


if __name__ == "__main__":
    link_tree(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
