#!/usr/bin/env python3
"""Fails on a name of kFailpoints that no program passes, or that no test reaches."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = "common/base/failpoint.h"


def text_of(*folders):
    paths = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in (".cc", ".h")]
    return "\n".join(p.read_text() for p in paths if p != ROOT / TABLE)


def complaints(names, programs, tests):
    for name in names:
        if programs.count(f'Failpoint("{name}"') != 1:
            yield f"{name}: has to be one place in the programs"
        if not re.search(rf'"[^"]*\b{re.escape(name)}\b', tests):
            yield f"{name}: is reached by no test"


def main():
    table = re.search(r"kFailpoints = \{(.*?)\};", (ROOT / TABLE).read_text(), re.S).group(1)
    names = re.findall(r'"([a-z_.]+)"', table)
    assert len(names) > 5, "found hardly any failpoint"
    assert list(complaints(["x.y"], 'Failpoint("x.y")', "")) and list(complaints(["x.y"], "", '"x.y/z=exit"'))
    found = list(complaints(names, text_of("common", "services", "cli"), text_of("tests")))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
