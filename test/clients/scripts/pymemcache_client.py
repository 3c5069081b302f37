"""Every command of pymemcache. Arguments: text, two ports; see README.md beside this file."""

import os
import sys

from dialogue import ask, check, eventually, finish, refused, server_version
from pymemcache import serde
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient
from pymemcache.exceptions import MemcacheClientError, MemcacheIllegalInputError, MemcacheServerError

first, second = (("127.0.0.1", int(port)) for port in sys.argv[2:])

c = Client(first, serde=serde.pickle_serde, no_delay=True, default_noreply=False)
check("version", c.version().decode(), server_version(first[1]))
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
check("a miss", c.get("missing", default="nothing"), "nothing")

if hasattr(serde, "compressed_serde"):
    compressing = Client(first, serde=serde.compressed_serde, default_noreply=False)
    long = "compressible " * 60000
    check("compressed", [compressing.set("long", long), compressing.get("long") == long], [True, True])
noise = os.urandom(900000)
check("900 kB", [c.set("noise", noise), c.get("noise") == noise], [True, True])
refused("too large", MemcacheServerError, lambda: c.set("noise", b"x" * 1100000))
check("goes on after it", c.set("k", "v"), True)
refused("a key that is none", MemcacheIllegalInputError, lambda: c.get("a key"))

many = {f"many{i}": f"value {i}" for i in range(200)}
check("set_many", c.set_many(many), [])
check("get_many", c.get_many([*many, "missing"]), many)
check("gets_many", sorted(c.gets_many(["many1", "many2"])), ["many1", "many2"])
check("delete_many", [c.delete_many(["many1", "missing"]), c.get("many1")], [True, None])

check("add", [c.add("a", "1"), c.add("a", "2"), c.get("a")], [True, False, "1"])
check("replace", [c.replace("missing", "1"), c.replace("a", "middle")], [False, True])
check("append, prepend", [c.append("a", ">"), c.prepend("a", "<"), c.get("a")], [True, True, "<middle>"])
check("append to nothing", c.append("missing", "x"), False)

value, cas = c.gets("a")
check("cas", [c.cas("a", "swapped", cas), c.cas("a", "late", cas), c.get("a")], [True, False, "swapped"])
check("cas of nothing", c.cas("missing", "x", cas), None)

c.set("number", "10")
check("incr", [c.incr("number", 5), c.decr("number", 7), c.decr("number", 100)], [15, 8, 0])
check("incr of nothing", c.incr("missing", 1), None)
refused("incr of a word", MemcacheClientError, lambda: c.incr("string", 1))
check("touch", [c.touch("a", 1000), c.touch("missing", 1000)], [True, False])
check("delete", [c.delete("a"), c.delete("a")], [True, False])

c.set("silent", "1", noreply=True)
c.append("silent", "2", noreply=True)
check("noreply", c.get("silent"), "12")
stats = c.stats()
check("stats", [stats[b"pid"] > 0, stats[b"version"].decode()], [True, server_version(first[1])])
check("stats settings", c.stats("settings")[b"cas_enabled"], b"yes")
check("stats items, slabs", [type(c.stats("items")), type(c.stats("slabs"))], [dict, dict])
check("cache_memlimit", c.cache_memlimit(64), True)

# Long enough for any machine; then the same for a short time.
c.set("brief", "x", expire=1000)
check("before expiry", c.get("brief"), "x")
c.set("brief", "x", expire=1)
check("expiry", eventually(lambda: c.get("brief") is None), True)
c.set("past", "x", expire=-1)
check("expired at once", c.get("past"), None)

pooled = PooledClient(first, max_pool_size=4, default_noreply=False)
check("a pool", [pooled.set("p", "q"), pooled.get("p")], [True, b"q"])

two = HashClient([first, second], default_noreply=False, retry_attempts=0)
for i in range(100):
    two.set(f"spread{i}", f"value {i}")
check("two nodes, many keys", len(two.get_many([f"spread{i}" for i in range(100)])), 100)
ask("spread spread 100")

retrying = RetryingClient(c, attempts=3)
check("before the loss", retrying.set("k", "v"), True)
ask(f"restart {first[1]}")
check("comes back", eventually(lambda: retrying.set("k", "again") and retrying.get("k") == "again"), True)
check("flush at the end", [c.flush_all(), c.get("k")], [True, None])
c.quit()
finish()
