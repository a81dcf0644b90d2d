#!/usr/bin/env python3
"""Golden vectors of docs/wire.md, made by other people's libraries (hashlib, hmac, python-xxhash): the oracle for TypeScript and
C++. Run once per change of the format: pip install xxhash && python3 scripts/make-golden.py > test/fixtures/golden.json"""
import hashlib
import hmac
import json
import struct

import xxhash


def u32(n):
    return struct.pack("<I", n)


def field(x):
    data = u32(x) if isinstance(x, int) else x.encode()
    return u32(len(data)) + data


def namespace(f):
    parts = ["baton-namespace-v1", f["model"], f["revision"], f["quantisation"], f["adapter"], f["kvDtype"], f["scales"],
             f["chunkTokens"], f["position"], 1, f["layers"]]
    for _ in range(f["layers"]):
        parts.append(len(f["planeBytes"]))
        for name, size in zip(f["planeNames"], f["planeBytes"]):
            parts += [name, size, f["heads"]]
    return b"".join(field(p) for p in parts)


def key(previous, tokens, extra=b""):
    data = b"baton-key-v1" + previous + u32(len(extra)) + extra + u32(len(tokens)) + b"".join(u32(t) for t in tokens)
    return hashlib.sha256(data).digest()


def stripe_digest(k, layer, head, data):
    pieces = [data[i:i + 4096] for i in range(0, len(data), 4096)]
    body = k + u32(layer) + u32(head) + b"".join(struct.pack("<Q", xxhash.xxh3_64_intdigest(p)) for p in pieces)
    return xxhash.xxh3_128_digest(body)


def pattern(n):
    return bytes((i * 131 + (i >> 8) * 7) & 255 for i in range(n))


namespaces = [
    dict(model="tiny", revision="seed-1", quantisation="", adapter="", kvDtype="f32", scales="", chunkTokens=256,
         position="rope theta=10000 scaling=none", layers=2, heads=2, planeNames=["k", "v"], planeBytes=[128, 128]),
    dict(model="mla", revision="r\u00e9v", quantisation="int4", adapter="ab" * 32, kvDtype="bf16", scales="cd" * 32,
         chunkTokens=64, position="", layers=3, heads=1, planeNames=["latent"], planeBytes=[1152]),
]
secret = b"0123456789abcdef0123456789abcdef"
out = {"secret": secret.hex(), "namespaces": [], "roots": [], "chains": [], "digests": []}
for f in namespaces:
    encoded = namespace(f)
    digest = hashlib.sha256(encoded).digest()
    out["namespaces"].append(dict(facts=f, encoding=encoded.hex(), digest=digest.hex()))
    for salt in ["", "tenant salt \u2603"]:
        root = hmac.new(secret, b"baton-root-v1" + digest + salt.encode(), hashlib.sha256).digest()
        out["roots"].append(dict(namespace=digest.hex(), salt=salt, root=root.hex()))
root = bytes.fromhex(out["roots"][0]["root"])
for n in [1, 255, 256, 257, 700]:
    tokens = [(i * 2654435761) % 50000 for i in range(n)]
    keys, previous = [], root
    for i in range(0, n, 256):
        previous = key(previous, tokens[i:i + 256])
        keys.append(previous.hex())
    out["chains"].append(dict(tokens=n, keys=keys))
for layer, head, n in [(0, 0, 1), (0, 1, 4095), (1, 0, 4096), (7, 3, 4097), (31, 7, 131072), (2, 1, 10000)]:
    out["digests"].append(dict(key=root.hex(), layer=layer, head=head, bytes=n,
                               digest=stripe_digest(root, layer, head, pattern(n)).hex()))
print(json.dumps(out, indent=1))
