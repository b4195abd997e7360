#!/usr/bin/env python3
"""Proves on built objects that no instruction above x86-64-v2 lies outside Highway's per-target namespaces.

A function compiled for AVX2 or AVX-512 must carry N_AVX2 or N_AVX3 in its symbol: then no other file can hold a copy
of it for another instruction set, and the linker cannot merge the two. An inline function or template of any other
namespace that holds such an instruction would be run by older CPUs as well.

Usage: isa.py OBJECT_OR_FOLDER...; prints each violation and exits 1 if there is any.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys

SYMBOL = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^ *[0-9a-f]+:\t((?:[0-9a-f]{2} )+) *\t(\S+)")
LEGACY_PREFIXES = {"66", "67", "f0", "f2", "f3", "2e", "36", "3e", "26", "64", "65"}
# Without VEX or EVEX, and yet not in x86-64-v2. (tzcnt runs as bsf there, and compilers emit it where that is right.)
OTHERS = re.compile(r"lzcnt|movbe|aes|pclmul|sha1|sha256|adcx|adox|rdrand|rdseed|gf2p8")


def instruction_set(encoding, mnemonic):
    """The instruction set that an instruction needs: 'AVX-512', 'AVX2' (with all that is VEX-encoded) or None."""
    opcode = next((byte for byte in encoding.split() if byte not in LEGACY_PREFIXES), "")
    if opcode == "62":
        return "AVX-512"
    if opcode in ("c4", "c5"):
        return "AVX-512" if mnemonic.startswith("k") else "AVX2"
    return "AVX2" if OTHERS.match(mnemonic) else None


def allowed(symbol, needs):
    if "N_AVX3" in symbol:
        return True
    return needs == "AVX2" and "N_AVX2" in symbol


def weak_symbols(path):
    listing = subprocess.run(["nm", "--defined-only", path], check=True, capture_output=True, text=True).stdout
    return {fields[2] for fields in map(str.split, listing.splitlines()) if len(fields) == 3 and fields[1] in "WwVvu"}


def check_object(path):
    """The violations of one object file, one per function, and the number of functions that use a higher set."""
    text = subprocess.run(
        ["objdump", "--disassemble", "--insn-width=16", path], check=True, capture_output=True, text=True
    ).stdout
    problems, higher = {}, set()
    symbol = ""
    for line in text.splitlines():
        if match := SYMBOL.match(line):
            symbol = match[1]
        elif match := INSTRUCTION.match(line):
            needs = instruction_set(match[1], match[2])
            if needs and allowed(symbol, needs):
                higher.add(symbol)
            elif needs:
                problems.setdefault(symbol, f"{match[2]} needs {needs}")
    weak = weak_symbols(path) if problems else set()
    return [
        f"{path}: {symbol}: {what}{', and the function is weak: linkers merge it' if symbol in weak else ''}"
        for symbol, what in problems.items()
    ], len(higher)


def check(paths):
    """All violations in the object files, and the number of functions that use a higher set where they may."""
    objects = []
    for path in map(pathlib.Path, paths):
        objects += sorted(path.rglob("*.o")) if path.is_dir() else [path]
    if not objects:
        return [f"no objects in {', '.join(map(str, paths))}"], 0
    with concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(check_object, map(str, objects)))
    return [problem for problems, _ in results for problem in problems], sum(higher for _, higher in results)


def main():
    problems, higher = check(sys.argv[1:])
    print("\n".join(problems) or f"isa: {higher} functions above the baseline, each in its own namespace")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
