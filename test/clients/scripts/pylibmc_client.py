"""Every command of pylibmc. Arguments: text, binary or sasl, two ports; see README.md beside this file."""

import os
import sys

import pylibmc
from dialogue import ask, check, eventually, finish, refused

protocol, first, second = sys.argv[1:]


def client(*ports, **options):
    return pylibmc.Client(
        [f"127.0.0.1:{port}" for port in ports],
        binary=protocol != "text",
        behaviors={"tcp_nodelay": True, "ketama": True, "cas": True, "retry_timeout": 1},
        **options,
    )


if protocol == "sasl":
    c = client(first, username="alice", password="wonder:land")
    check("logged in", [c.set("k", "v"), c.get("k")], [True, "v"])
    refused("wrong password", pylibmc.Error, lambda: client(first, username="alice", password="no").set("k", "w"))
    finish()

c = client(first)
check("flush", c.flush_all(), True)
values = {
    "string": "käse",
    "empty": "",
    "bytes": b"\0\r\n\xff\x80",
    "integer": -42,
    "float": 1.5,
    "list": [1, "zwei", None],
    "dictionary": {"a": (1, 2)},
}
for name, value in values.items():
    check(f"set {name}", c.set(name, value), True)
    check(f"get {name}", c.get(name), value)
check("a miss", c.get("missing"), None)

long = "compressible " * 60000
check("compressed", [c.set("long", long, min_compress_len=1000), c.get("long") == long], [True, True])
noise = os.urandom(900000)
check("900 kB", [c.set("noise", noise), c.get("noise") == noise], [True, True])
refused("too large", pylibmc.TooBig, lambda: c.set("noise", b"x" * 1100000))

many = {f"many{i}": f"value {i}" for i in range(200)}
check("set_multi", c.set_multi(many), [])
check("get_multi", c.get_multi([*many, "missing"]), many)
check("delete_multi", c.delete_multi(["many1", "many2"]), True)

check("add", [c.add("a", "1"), c.add("a", "2"), c.get("a")], [True, False, "1"])
if protocol == "text":
    check("replace of nothing", c.replace("missing", "1"), False)
else:
    refused("replace of nothing", pylibmc.NotFound, lambda: c.replace("missing", "1"))
check("replace", c.replace("a", "middle"), True)
check("append, prepend", [c.append("a", ">"), c.prepend("a", "<"), c.get("a")], [True, True, "<middle>"])

value, cas = c.gets("a")
check("gets", [value, cas > 0], ["<middle>", True])
check("cas", [c.cas("a", "swapped", cas), c.cas("a", "late", cas), c.get("a")], [True, False, "swapped"])

c.set("number", 10)
check("incr", [c.incr("number", 5), c.decr("number", 7), c.decr("number", 100)], [15, 8, 0])
refused("incr of nothing", pylibmc.NotFound, lambda: c.incr("missing"))
c.set("number2", 20)
if protocol == "text":
    c.incr_multi(["number", "number2"], delta=2)
    check("incr_multi", [c.get("number"), c.get("number2")], [2, 22])

check("touch", [c.touch("a", 1000), c.touch("missing", 1000)], [True, False])
check("delete", [c.delete("a"), c.delete("a")], [True, False])
check("stats", int(c.get_stats()[0][1]["pid"]) > 0, True)

# Long enough for any machine; then the same for a short time.
c.set("brief", "x", time=1000)
check("before expiry", c.get("brief"), "x")
c.set("brief", "x", time=1)
check("expiry", eventually(lambda: c.get("brief") is None), True)

two = client(first, second)
for i in range(100):
    two.set(f"spread{i}", f"value {i}")
ask("spread spread 100")

check("before the loss", c.set("k", "v"), True)
ask(f"restart {first}")
check("comes back", eventually(lambda: c.set("k", "again") and c.get("k") == "again"), True)
check("flush at the end", [c.flush_all(), c.get("k")], [True, None])
finish()
