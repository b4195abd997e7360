#!/usr/bin/env python3
"""Checks that includes point leftwards through the layers, and that public headers hold nothing but Tenon and C++.

    base -> backend -> tensor -> autograd -> ops -> nn -> optim -> {data, io, text, train, distributed} -> c -> bindings

Usage: layers.py [ROOT]; prints each violation and exits 1 if there is any.
"""

import pathlib
import re
import sys

LAYERS = [
    {"base"},
    {"backend"},
    {"tensor"},
    {"autograd"},
    {"ops"},
    {"nn"},
    {"optim"},
    {"data", "io", "text", "train", "distributed"},
    {"c"},
    {"bindings"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TOP = len(LAYERS)

# The bindings offer the choice of an instruction set.
OPEN_INSIDES = {("bindings", "backend/cpu/isa.h")}

# Which folders may use a library; everything else reaches it through them.
LIBRARIES = {
    r"hwy/": ["src/backend/cpu", "tests", "benchmarks"],
    r"Eigen/|unsupported/Eigen/": ["src/backend/cpu", "src/ops", "tests", "benchmarks"],
    r"nlohmann/": ["src/io", "src/text", "src/train", "bindings", "tests", "examples/sentiment"],
    r"(cuda|cublas|cudnn|nvrtc|nccl|curand|cufft)": ["src/backend/cuda", "src/distributed", "tests", "benchmarks"],
    r"Python\.h|nanobind/": ["bindings"],
    r"(immintrin|x86intrin|emmintrin|arm_neon)\.h": ["src/base", "benchmarks"],  # waiting loops pause the core
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)
STANDARD = re.compile(r"[a-z_0-9]+|(stddef|stdint|stdbool)\.h")


def layer_of_file(path):
    """The rank of a file given relative to the root."""
    parts = path.parts
    if parts[0] == "src":
        return RANK.get(parts[1], TOP)
    if parts[0] == "bindings":
        return RANK["bindings"]
    return RANK.get(parts[2].removesuffix(".h"), TOP)


def layer_of_include(name):
    """The rank of an included file, or None where any file may include it."""
    parts = name.split("/")
    if parts[0] == "tenon":
        if parts[1] == "table":
            return None
        return RANK.get(parts[1].removesuffix(".h"), TOP)
    return RANK.get(parts[0])


def check_include(path, quote, name):
    """Yields what is wrong with one include of the file at `path`."""
    public = path.parts[0] == "include"
    for pattern, folders in LIBRARIES.items():
        if re.match(pattern, name) and not any(str(path).startswith(folder + "/") for folder in folders):
            yield f"{name} may be included only in {', '.join(folders)}"
    if path.parts[0] not in ("include", "src", "bindings"):
        return
    compat = path.parts[:2] == ("include", "torch_compat")
    if public and quote == "<" and not STANDARD.fullmatch(name):
        yield f"a public header includes <{name}>, which is not a standard C++ header"
    own_names = ("tenon/", "torch/") if compat else "tenon/"
    if public and quote == '"' and not name.startswith(own_names):
        yield f'a public header includes "{name}", which is not a public header'
    if quote != '"':
        return
    if "table" in path.parts:
        if not name.startswith("tenon/table/"):
            yield f"the table of ops includes {name}; it depends on nothing"
        return
    for device in ("cpu", "cuda"):
        inside = path.parts[:3] == ("src", "backend", device)
        sibling = path.parts[:2] == ("src", "backend") and len(path.parts) == 3
        open_inside = (path.parts[0], name) in OPEN_INSIDES
        if name.startswith(f"backend/{device}/") and not (inside or sibling or open_inside):
            yield f"{name} is the inside of a backend; use the interface in backend/"
    rank, own = layer_of_include(name), layer_of_file(path)
    if rank is not None and rank > own:
        yield f"{name} is of a layer to the right"


def check(root):
    """Yields 'file: what is wrong' for the tree at `root`."""
    root = pathlib.Path(root)
    for folder in ("include", "src", "bindings", "tests", "benchmarks", "examples"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".c", ".cpp", ".cu", ".inc", ".cuh") or "build" in file.parts:
                continue
            path = file.relative_to(root)
            for quote, name in INCLUDE.findall(file.read_text()):
                for problem in check_include(path, quote, name):
                    yield f"{path}: {problem}"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    problems = list(check(root))
    print("\n".join(problems) or "layers: in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
