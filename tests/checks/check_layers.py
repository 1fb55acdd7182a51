#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may include whom.

The order of the broker's modules stands in docs/architecture.md, in a block fenced as
`include-order`: one name a line, `#` starts a comment. A name stands for the .c and the .h file;
`name.h` and `name.c` give the two a place each; `scan/name` is in broker/scan/. What stands above
may be included, nothing below. What is in broker/scan/ runs in the worker processes: the broker's
own files include from there only what SCAN_OPEN names.

    check_layers.py [--root DIRECTORY] [--self-test]
"""

import os
import re
import sys

sys.dont_write_bytecode = True
import selftest  # noqa: E402
import tree  # noqa: E402

ORDER_FILE = "docs/architecture.md"
PUBLIC_HEADERS = ("client/restartmanager.h", "client/rstrtmgr.h")
SCAN_OPEN = {"broker/scan/types.h": None, "broker/scan/worker.h": ("broker/main.c",)}
SD_BUS_OWNER = "broker/services_systemd.c"
MAY_INCLUDE = {
    "broker": ("broker", "proto"),
    "client": ("client", "proto"),
    "proto": ("proto",),
}
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]+([<\"])([^>\"]+)[>\"]", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def read_order(root):
    """The ranks of the broker's files: {"session.h": 12, ...}, or None without a list."""
    path = os.path.join(root, ORDER_FILE)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        match = re.search(r"^```include-order[ \t]*\n(.*?)^```", file.read(),
                          re.DOTALL | re.MULTILINE)
    if not match:
        return None
    lines = [line.split("#")[0] for line in match.group(1).splitlines()]
    ranks = {}
    for rank, name in enumerate(" ".join(lines).split()):
        for file_name in [name] if name.endswith((".c", ".h")) else [name + ".c", name + ".h"]:
            ranks.setdefault(file_name, rank)
    return ranks


def read_includes(root, path):
    text = COMMENT.sub(lambda comment: "\n" * comment.group().count("\n"), tree.read(path, root))
    return [(match.group(1), match.group(2)) for match in INCLUDE.finditer(text)]


def broker_name(path):
    """The name of one of the broker's files in the order list, None for another file."""
    return path[len("broker/"):] if path.startswith("broker/") else None


def is_generated(name):
    return name.endswith(".pb-c.h")


class Checker:
    def __init__(self, root):
        self.root = root
        self.errors = []
        self.paths = tree.files((".c", ".h"), MAY_INCLUDE, root)
        self.ours_in_angles = {*self.paths, *map(os.path.basename, PUBLIC_HEADERS)}
        self.ranks = read_order(root)

    def error(self, path, text):
        self.errors.append(f"{path}: {text}")

    def check(self):
        self.check_order_list()
        for path in self.paths:
            includes = read_includes(self.root, path)
            for bracket, name in includes:
                self.check_form(path, bracket, name)
                self.check_sd_bus(path, name)
                if bracket == '"':
                    self.check_direction(path, name)
                    self.check_rank(path, name)
                    self.check_scan(path, name)
            self.check_own_header(path, includes)
            self.check_public(path, includes)
        return self.errors

    def check_order_list(self):
        modules = {broker_name(path) for path in self.paths if broker_name(path)}
        if self.ranks is None:
            if modules:
                self.error(ORDER_FILE, "has no block fenced as include-order")
            return
        for name in sorted(modules - set(self.ranks)):
            self.error("broker/" + name, f"is not in the include order of {ORDER_FILE}")
        for rank in sorted(set(self.ranks.values())):
            names = [name for name, of_name in self.ranks.items() if of_name == rank]
            if not modules.intersection(names):
                self.error(ORDER_FILE, f"include order: broker/ has no {' or '.join(names)}")

    def check_form(self, path, bracket, name):
        if bracket == "<":
            if name in self.ours_in_angles:
                self.error(path, f"<{name}> is ours: include it in quotes, from the root")
        elif is_generated(name):
            return
        elif "/" not in name or name.startswith((".", "/")):
            self.error(path, f'"{name}" is not qualified by its path from the root')
        elif not os.path.exists(os.path.join(self.root, name)):
            self.error(path, f'"{name}" is no file of the tree')

    def check_sd_bus(self, path, name):
        if os.path.basename(name) == "sd-bus.h" and path != SD_BUS_OWNER:
            self.error(path, f"includes sd-bus, which only {SD_BUS_OWNER} may")

    def check_direction(self, path, name):
        allowed = MAY_INCLUDE[path.split("/")[0]]
        if not is_generated(name) and name.split("/")[0] not in allowed:
            self.error(path, f'includes "{name}"; allowed: {", ".join(allowed)}')

    def check_rank(self, path, name):
        if self.ranks is None or is_generated(name):
            return
        if not broker_name(path) or not broker_name(name):
            return
        own = self.ranks.get(broker_name(path))
        other = self.ranks.get(broker_name(name))
        if own is not None and other is not None and other > own:
            self.error(path, f'includes "{name}", which stands below it in the include order')

    def check_scan(self, path, name):
        if not name.startswith("broker/scan/") or path.startswith("broker/scan/"):
            return
        if name not in SCAN_OPEN or SCAN_OPEN[name] and path not in SCAN_OPEN[name]:
            self.error(path, f'includes "{name}", which belongs to the worker processes')

    def check_own_header(self, path, includes):
        header = path[:-2] + ".h"
        if path.endswith(".c") and os.path.exists(os.path.join(self.root, header)):
            if not includes or includes[0] != ('"', header):
                self.error(path, f'does not include "{header}" first')

    def check_public(self, path, includes):
        if path in PUBLIC_HEADERS:
            for bracket, name in includes:
                if bracket == '"':
                    self.error(path, f'is public and includes "{name}"')


# --- self-test: each rule, seen to fail ---------------------------------------------------------

GOOD_TREE = {
    ORDER_FILE: "# x\n\n```include-order\nscan/types.h scan/worker\nlog  # first\nsession\nservices.h\nservices_systemd\n"
                "broker.h\nserver\nbroker.c\nmain\n```\n",
    "proto/base.h": "#include <stddef.h>\n",
    "proto/codec.h": '#include "proto/base.h"\n#include "rm.pb-c.h"\n',
    "proto/codec.c": '#include "proto/codec.h"\n',
    "broker/scan/types.h": "",
    "broker/scan/worker.h": "",
    "broker/scan/worker.c": '#include "broker/scan/worker.h"\n\n#include "broker/scan/types.h"\n',
    "broker/log.h": "",
    "broker/log.c": '/* #include "broker/server.h" */\n#include "broker/log.h"\n'
                    "#include <errno.h>\n",
    "broker/session.h": '#include "proto/base.h"\n',
    "broker/session.c": '#include "broker/session.h"\n\n#include "broker/log.h"\n',
    "broker/services.h": "",
    "broker/services_systemd.c": '#include <systemd/sd-bus.h>\n\n#include "broker/services.h"\n',
    "broker/broker.h": "",
    "broker/server.c": '#include "broker/broker.h"\n',
    "broker/broker.c": '#include "broker/broker.h"\n',
    "broker/main.c": '#include "broker/broker.h"\n',
    "client/restartmanager.h": "#include <stdint.h>\n",
    "client/rstrtmgr.h": "#include <stddef.h>\n",
    "client/session.h": "",
    "client/session.c": '#include "client/session.h"\n#include "client/rstrtmgr.h"\n',
    "client/rmctl/main.c": '#include "client/rstrtmgr.h"\n',
}

BROKEN = [
    ("below", "broker/log.h", '#include "broker/session.h"\n', "stands below"),
    ("below, of two places", "broker/session.h", '#include "broker/broker.h"\n', "stands below"),
    ("below, of the worker", "broker/scan/worker.c",
     '#include "broker/scan/worker.h"\n#include "broker/log.h"\n', "stands below"),
    ("the worker's", "broker/server.c", '#include "broker/scan/worker.h"\n', "worker processes"),
    ("unlisted worker", "broker/scan/extra.c", "", "is not in the include order"),
    ("unlisted", "broker/extra.c", "", "is not in the include order"),
    ("stale list", ORDER_FILE, GOOD_TREE[ORDER_FILE].replace("main\n", "main\ngone\n"),
     "has no gone.c or gone.h"),
    ("no list", ORDER_FILE, "nothing", "no block fenced"),
    ("broker to client", "broker/main.c", '#include "client/session.h"\n', 'allowed: broker'),
    ("client to broker", "client/session.h", '#include "broker/log.h"\n', 'allowed: client'),
    ("rmctl to broker", "client/rmctl/main.c", '#include "broker/log.h"\n', 'allowed: client'),
    ("proto to broker", "proto/base.h", '#include "broker/log.h"\n', "allowed: proto"),
    ("unqualified", "broker/main.c", '#include "broker.h"\n', "is not qualified"),
    ("relative", "broker/main.c", '#include "../broker/broker.h"\n', "is not qualified"),
    ("missing", "broker/main.c", '#include "broker/none.h"\n', "is no file"),
    ("angles", "client/rmctl/main.c", "#include <rstrtmgr.h>\n", "is ours"),
    ("angles and path", "broker/main.c", "#include <broker/broker.h>\n", "is ours"),
    ("own header second", "broker/session.c",
     '#include "broker/log.h"\n#include "broker/session.h"\n', "first"),
    ("own header missing", "proto/codec.c", "", "first"),
    ("sd-bus", "broker/main.c", "#include <systemd/sd-bus.h>\n", "sd-bus"),
    ("public", "client/restartmanager.h", '#include "client/rstrtmgr.h"\n', "is public"),
    ("public native", "client/rstrtmgr.h", '#include "proto/base.h"\n', "is public"),
]


if __name__ == "__main__":
    selftest.run(lambda root: Checker(root).check(), GOOD_TREE, BROKEN)
