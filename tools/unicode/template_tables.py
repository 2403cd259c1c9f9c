#!/usr/bin/env python3
"""Writes src/tokenizer/template_tables.inc: the character properties behind Python's str methods, as this Python has them."""
import pathlib
import sys
import unicodedata

LIMIT = 0x110000
SURROGATES = range(0xD800, 0xE000)


def ranges(predicate):
    out = []
    for c in range(0x80, LIMIT):
        if c in SURROGATES or not predicate(chr(c)):
            continue
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def cased(c):
    return c.isupper() or c.islower() or c.istitle()


def case_ignorable(c):
    # Python lowers a capital sigma to its final form where a cased letter, then any of these, stands before it and none follows.
    return ("a" + c + "Σ").lower().endswith("ς") and not cased(c)


def map_ranges(method):
    """Runs of characters whose single mapping has one difference, with a step of 1 or 2; and those with several characters."""
    simple, special = [], []
    for c in range(0x80, LIMIT):
        if c in SURROGATES:
            continue
        text = getattr(chr(c), method)()
        if text == chr(c):
            continue
        if len(text) > 1:
            special.append([c] + [ord(x) for x in text] + [0] * (3 - len(text)))
            continue
        delta = ord(text) - c
        if simple and simple[-1][2] == delta:
            first, last, _, step = simple[-1]
            if first == last and c - last in (1, 2):
                simple[-1][1], simple[-1][3] = c, c - last
                continue
            if first != last and c - last == step:
                simple[-1][1] = c
                continue
        simple.append([c, c, delta, 1])
    return simple, special


def write_rows(out, kind, name, rows):
    out.append(f"constexpr {kind} {name}[] = {{")
    line = "   "
    for row in rows:
        item = " {" + ",".join(str(x) if x < 0 else hex(x) for x in row) + "},"
        if len(line) + len(item) > 118:
            out.append(line)
            line = "   "
        line += item
    out += [line, "};"]


def main(path):
    out = [f"// Made by tools/unicode/template_tables.py from Unicode {unicodedata.unidata_version}; code points from 0x80 on."]
    properties = {
        "alpha": str.isalpha, "decimal": str.isdecimal, "digit": str.isdigit, "numeric": str.isnumeric,
        "unprintable": lambda c: not c.isprintable(), "lower": str.islower, "upper": str.isupper,
        "titled": lambda c: unicodedata.category(c) == "Lt", "case_ignorable": case_ignorable,
    }
    for name, predicate in properties.items():
        write_rows(out, "Span", f"{name}_spans", ranges(predicate))
    for name, method in {"upper": "upper", "lower": "lower", "title": "title"}.items():
        simple, special = map_ranges(method)
        write_rows(out, "Shift", f"{name}_shifts", simple)
        write_rows(out, "Special", f"{name}_specials", special)
    pathlib.Path(path).write_text("\n".join(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "src/tokenizer/template_tables.inc")
