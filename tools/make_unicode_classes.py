#!/usr/bin/env python3
"""Writes src/text/unicode_classes.inc: the classes of all characters that the split of texts into words asks for.

Usage: make_unicode_classes.py [TARGET]. The characters are those of this Python's `unicodedata`.
"""

import pathlib
import sys
import unicodedata

# As `CharClass` in src/text/unicode.h has them.
OTHER, LETTER, NUMBER, DIGIT, MARK, SPACE = range(6)
SPACES = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
# Symbols that count as alphabetic, and the joiners.
WORD_SYMBOLS = {
    *range(0x24B6, 0x24EA),
    *range(0x1F130, 0x1F14A),
    *range(0x1F150, 0x1F16A),
    *range(0x1F170, 0x1F18A),
    0x200C,
    0x200D,
}
LONGEST = (1 << 13) - 1


def class_of(code):
    category = unicodedata.category(chr(code))
    if code in SPACES:
        return SPACE
    if category[0] == "L":
        return LETTER
    if category[0] == "N":
        return NUMBER if category == "No" else DIGIT
    return MARK if category[0] == "M" or category == "Pc" or code in WORD_SYMBOLS else OTHER


def runs():
    """Runs of one class each as length * 8 + class; the last run, of characters not assigned, is left out."""
    found = []
    for code in range(sys.maxunicode + 1):
        which = class_of(code)
        if found and found[-1][1] == which and found[-1][0] < LONGEST:
            found[-1][0] += 1
        else:
            found.append([1, which])
    while found[-1][1] == OTHER:
        found.pop()
    return [length * 8 + which for length, which in found]


def main():
    root = pathlib.Path(__file__).resolve().parents[1]
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "src/text/unicode_classes.inc"
    lines, line = [], ""
    for number in runs():
        if len(line) + len(f"{number},") > 118:
            lines.append(line)
            line = ""
        line += f"{number},"
    text = "\n".join([*lines, line])
    target.write_text(
        f"// Made by tools/make_unicode_classes.py of Unicode {unicodedata.unidata_version}: runs of characters of one class,"
        f" as length * 8 + class.\n{text}\n"
    )


if __name__ == "__main__":
    main()
