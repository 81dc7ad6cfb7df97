#!/usr/bin/env python3
"""Fails on an include that runs against the arrows of ARCHITECTURE.md: proto <- core <- (base, rpc, mysql, config) <- services, cli <- tests.

Also: the core does no I/O, mysql.h has one home, gRPC stays out of headers that others include, services never include one another.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#include\s+[<"]([^>"]+)[>"]', re.M)

# What each room may include of the project's own rooms, besides itself. First match wins.
ALLOWED = [
    # Two headers of base are free of I/O: the boot time as a type, and the check that ends the program.
    ("common/core/", ("minder/v1/", "common/base/clock.h", "common/base/check.h")),
    ("common/base/", ()),
    ("common/rpc/", ("minder/v1/", "common/core/", "common/base/")),
    ("common/mysql/", ("minder/v1/", "common/core/", "common/base/")),
    ("common/config/", ("minder/v1/", "common/core/", "common/base/")),
    ("services/", ("minder/v1/", "common/")),
    ("cli/", ("minder/v1/", "common/")),
    ("tests/", ("minder/v1/", "common/", "services/", "cli/", "tests/")),
]
PURE = re.compile(r"^(grpcpp?/|spdlog|mysql|thread$|mutex$|chrono$|random$|iostream$|fstream$|unordered_|sys/|unistd|absl/(random|synchronization))")


def room(path):
    """services/x/ and tests/ know only themselves by their second folder; the others by their first two."""
    parts = path.split("/")
    return "/".join(parts[:2]) + "/" if parts[0] in ("common", "services") else parts[0] + "/"


def complaints(path, included):
    own = room(path)
    if re.match(r"^(common|services|cli|tests|minder/v1)/", included):
        allowed = next(rule for prefix, rule in ALLOWED if path.startswith(prefix))
        if not included.startswith(own) and not included.startswith(allowed):
            yield f"{path}: includes {included}, against the arrows"
    if path.startswith("common/core/") and PURE.match(included):
        yield f"{path}: the core is pure, and includes <{included}>"
    if included == "mysql.h" and not path.startswith(("common/mysql/", "tests/lab/")):
        yield f"{path}: mysql.h belongs to common/mysql"
    if included == "grpcpp/grpcpp.h" and path.endswith(".h") and path not in GRPC_HEADERS and not path.startswith("tests/"):
        yield f"{path}: grpcpp in a header costs 2 s in each file that includes it"


# Templates that cannot be anywhere else; included by .cc files of services only.
GRPC_HEADERS = ("common/rpc/unary_call.h", "services/arbitrator/outlook_stream.h")


def main():
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.h", "*.cc"], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.split()
    assert len(files) > 50, "found hardly any file"
    found = [c for path in files if (ROOT / path).exists() for include in INCLUDE.findall((ROOT / path).read_text())
             for c in complaints(path, include)]
    # The rules themselves: each must refuse what it is there for.
    for path, include in [("common/core/x.cc", "common/rpc/server.h"), ("common/core/x.cc", "spdlog/spdlog.h"),
                          ("services/arbitrator/x.cc", "services/dbserver-agent/agent.h"), ("cli/x.cc", "mysql.h"),
                          ("common/base/x.cc", "common/core/facts.h"), ("cli/x.h", "grpcpp/grpcpp.h")]:
        assert list(complaints(path, include)), (path, include)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
