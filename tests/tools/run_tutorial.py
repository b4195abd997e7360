#!/usr/bin/env python3
"""Runs a tutorial: its commands in their order, and checks that what it shows is so.

Usage: run_tutorial.py PAGE

A block of `sh` is run in the project's folder. A block of `text` below it shows what it prints, where `...` stands for
anything. A block of `python` or `cpp` is a piece of a program in `examples`, word for word, or runs by itself if it
begins with an import. Ends with 1 at the first that is not so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]


class Block(NamedTuple):
    line: int
    language: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield Block(page.count("\n", 0, found.start()) + 1, found[1], found[2])


def run(command: list[str], text: str) -> str:
    """What `text`, given to `command`, prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # No proxy leads to a server of this machine.
    environment = {**os.environ, "PATH": path, "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        command, input=text, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=environment, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"ended with {done.returncode}:\n{text}{done.stdout}")
    return done.stdout


def shows(shown: str, printed: str) -> bool:
    # Of "0...." the first dot is itself.
    pattern = ".*".join(re.escape(piece) for piece in re.split(r"\.{3}(?!\.)", shown.strip()))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def squeezed(text: str) -> str:
    """`text` without what an excerpt may have otherwise: indentation and the ends of lines."""
    return " ".join(text.split())


def main() -> None:
    [page] = map(Path, sys.argv[1:])
    files = (file for kind in ("py", "cpp", "h") for file in (PROJECT / "examples").rglob(f"*.{kind}"))
    programs = [squeezed(file.read_text()) for file in files]
    printed = ""
    for block in blocks(page.read_text()):
        place = f"{page}, line {block.line}"
        print(f"{place}: {block.language}", flush=True)
        if block.language == "sh":
            printed = run(["bash", "-euo", "pipefail", "-s"], block.text)
        elif block.language == "text":
            if not shows(block.text, printed):
                raise SystemExit(f"{place} shows\n{block.text}\nbut it is\n{printed}")
        elif block.text.startswith(("import ", "from ")):
            printed = run([sys.executable, "-"], block.text)
        elif not any(squeezed(block.text) in program for program in programs):
            raise SystemExit(f"{place} is in no example")


if __name__ == "__main__":
    main()
