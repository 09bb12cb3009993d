"""The second reader of Keymuster's formats, written from docs/spec alone: `python reader.py` runs all test vectors.

It shares no code with the first reader, in Rust, and serves to find what the specification forgot to say.
It is no library: it reads one input at a time, slowly, and explains nothing.
"""

import hashlib
import io
import json
import re
import sys
import unicodedata
import zlib
from pathlib import Path

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# The white space of Unicode. Python's own idea of it has a few characters more.
WHITE = set(map(chr, [*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F,
                      0x205F, 0x3000]))


class Refused(Exception):
    """An input that is not accepted: the code, and what else is known."""

    def __init__(self, code, says=None):
        super().__init__(code)
        self.code, self.says = code, says or {}


def need(condition, code="document-malformed"):
    if not condition:
        raise Refused(code)


# Product keys (product-keys.md).

ALPHABET = "BCDFGHJKMPQRTVWXY2346789"
DASHES = set(map(chr, [0x2D, *range(0x2010, 0x2016), 0x2212]))


def plus(u, v, sign=1):
    return (u % 5 + sign * (v % 5)) % 5 + 5 * ((u // 5 + sign * (v // 5)) % 5)


def times(u, v):
    (a, b), (c, d) = (u % 5, u // 5), (v % 5, v // 5)
    return (a * c + 3 * b * d) % 5 + 5 * ((a * d + b * c + b * d) % 5)


def syndromes(word):
    sums = [0, 0, 0]
    for place, symbol in enumerate(word):
        for power in range(3):
            sums[power] = plus(sums[power], symbol)
            symbol = times(symbol, place)
    return sums


def codewords(word, places):
    """The codewords that differ from the word at the places alone, found by trying all values: at most 25 ** 3."""
    if not places:
        return [word] if syndromes(word) == [0, 0, 0] else []
    first, *rest = places
    tries = ([*word[:first], value, *word[first + 1:]] for value in range(25))
    return [found for tried in tries for found in codewords(tried, rest)]


def key_fields(word):
    need(24 not in word, "key-unreadable")
    payload = 0
    for symbol in word[:22]:
        payload = payload * 24 + symbol
    need(payload < 1 << 100, "key-unreadable")
    kind = payload >> 96 & 3
    need(payload >> 98 == 1 and kind < 3, "key-unknown-version")
    text = "".join(ALPHABET[symbol] for symbol in word)
    return {
        "key": "-".join(text[at:at + 5] for at in range(0, 25, 5)), "kind": ["setup", "host", "mak"][kind],
        "number": payload >> 80 & 0xFFFF, "mark": payload >> 72 & 0xFF, "serial": payload >> 48 & 0xFFFFFF,
        "tag": f"{payload & (1 << 48) - 1:012x}", "id": f"{payload >> 48:013x}",
    }


def suggestion(words, typed):
    for word in words:
        try:
            key_fields(word)
        except Refused:
            continue
        wrong = [at for at in range(25) if typed[at] != ALPHABET[word[at]]]
        corrections = [[at // 5 + 1, at % 5 + 1, ALPHABET[word[at]]] for at in wrong]
        raise Refused("key-mistyped", {"corrections": corrections})


def product_key(text):
    need(len(text.encode()) <= 100, "key-wrong-length")
    typed = [c for c in text if c not in WHITE and c not in DASHES]
    need(len(typed) == 25, "key-wrong-length")
    typed = [c.upper() if c.isascii() else c for c in typed]
    foreign = [at for at in range(25) if typed[at] not in ALPHABET]
    word = [0 if at in foreign else ALPHABET.index(typed[at]) for at in range(25)]
    if not foreign and syndromes(word) == [0, 0, 0]:
        return key_fields(word)
    if foreign:
        need(len(foreign) <= 3, "key-unreadable")
        suggestion(codewords(word, foreign), typed)
        raise Refused("key-unreadable")
    for at in range(25):
        suggestion(codewords(word, [at]), typed)
    for at in range(24):
        swapped = [*word[:at], word[at + 1], word[at], *word[at + 2:]]
        if syndromes(swapped) == [0, 0, 0]:
            try:
                key_fields(swapped)
            except Refused:
                break
            raise Refused("key-mistyped", {"swapped": [at // 5 + 1, at % 5 + 1]})
    raise Refused("key-unreadable")


# Keys and signatures (documents.md, 2.3). OpenSSL checks the equation; the edges are checked here.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SMALL_ORDER = {0, 1, P - 1} | {
    int.from_bytes(bytes.fromhex(y), "little")
    for y in ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
              "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
}


def is_good_point(point):
    y = int.from_bytes(point, "little") & (1 << 255) - 1
    if len(point) != 32 or y >= P or y in SMALL_ORDER:
        return False
    x_squared = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    return pow(x_squared, (P - 1) // 2, P) == 1


def key_id(key):
    return hashlib.sha256(key).digest()[:8]


def check_signature(key, message, signature):
    is_sound = is_good_point(signature[:32]) and int.from_bytes(signature[32:], "little") < L
    need(is_sound, "signature-invalid")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        raise Refused("signature-invalid") from None


# Types of fields (documents.md, 3.2): each takes what CBOR gave and returns what a person reads.


def uint(bound):
    def read(value):
        need(type(value) is int and 0 <= value < bound)
        return value
    return read


def octets(length, check=lambda value: True):
    def read(value):
        need(type(value) is bytes and len(value) == length and check(value))
        return value.hex()
    return read


def text(is_good):
    def read(value):
        need(type(value) is str and is_good(value))
        return value
    return read


def many(read, most=None):
    def read_all(value):
        need(type(value) is list and (most is None or len(value) <= most))
        return [read(item) for item in value]
    return read_all


def is_label(value):
    misleads = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
    return (1 <= len(value.encode()) <= 128 and not misleads.search(value)
            and not any(unicodedata.category(c) == "Cc" for c in value))


def is_setup_key(value):
    try:
        fields = product_key(value)
    except Refused:
        return False
    return fields["kind"] == "setup" and fields["key"] == value


def additions(value):
    need(type(value) is dict and 1 <= len(value) <= 16)
    for key, item in value.items():
        need(type(key) is int and 0 <= key < 1 << 64 and type(item) is bytes)


def table(*rows):
    """A structure: rows of key, name and type, with a `?` behind the name of what may be absent."""
    fields = {key: (name.rstrip("?"), read, name.endswith("?")) for key, name, read in rows}

    def read_table(value):
        need(type(value) is dict and all(type(key) is int and key in fields for key in value))
        need(all(key in value or may_be_absent for key, (_, _, may_be_absent) in fields.items()))
        return {fields[key][0]: fields[key][1](item) for key, item in value.items()}
    return read_table


U8, U16, U32, U64 = (uint(1 << bits) for bits in (8, 16, 32, 64))
SECONDS, TIME, KIND = U64, uint(253402300800), uint(3)
ID, HASH, KEY, KEY_ID = octets(16), octets(32), octets(32, is_good_point), octets(8)
SLUG = text(lambda value: re.fullmatch(r"(?=.{1,64}\Z)[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value) is not None)
LABEL, SETUP_KEY, ANY = text(is_label), text(is_setup_key), (100, "additions?", additions)


def product_key_id(value):
    return f"{uint(1 << 52)(value):013x}"


# Kinds of documents (documents.md, 6), with the rules that bind their fields.

POSITION = table((1, "host", ID), (2, "epoch", U64), (3, "sequence", U64), (4, "head", octets(16)))
INTERVAL = table((1, "default_secs", SECONDS), (2, "min_secs", SECONDS), (3, "max_secs", SECONDS))
POLICY = table((1, "grace_secs", SECONDS), (2, "window_secs", SECONDS), (3, "lease_secs", SECONDS),
               (4, "renew", INTERVAL), (5, "retry", INTERVAL), (6, "skew_secs", SECONDS), (7, "rearms_max", U8))
FAMILY = table((1, "number", U16), (2, "id", SLUG), (3, "name", LABEL))
GROUP = table((1, "number", U16), (2, "id", SLUG), (3, "name", LABEL), (4, "family", U16), (5, "rank", U8),
              (6, "generation", U16))
EDITION = table((1, "number", U16), (2, "id", SLUG), (3, "name", LABEL), (4, "group", U16), (5, "threshold", U32),
                (6, "kind", KIND), (7, "setup_key", SETUP_KEY), (8, "features?", many(SLUG)))
COVER = table((1, "group", U16), (2, "family", U16), (3, "rank", U8), (4, "generation", U16), (5, "threshold?", U32))
POOL = table((1, "id", SLUG), (2, "edition", U16), (3, "seats", U32), (4, "term_secs", SECONDS),
             (5, "guard_secs", SECONDS))
SEAT = table((1, "pool", SLUG), (2, "fence", U64))
FACT = table((1, "kind", U8), (2, "hash", octets(8)))

TABLES = {
    "issuer": table(
        (1, "publisher", SLUG), (2, "key", KEY), (3, "not_before", TIME), (4, "sign_until", TIME), (5, "expires", TIME),
        (6, "entitlement_secs_max", SECONDS), (7, "lease_secs_max", SECONDS), (8, "families?", many(U16)), ANY),
    "catalogue": table(
        (1, "publisher", SLUG), (2, "name", LABEL), (3, "version", U32), (4, "issued", TIME), (5, "host_min", SLUG),
        (6, "help_url?", LABEL), (7, "policy", POLICY), (8, "families", many(FAMILY)), (9, "groups", many(GROUP)),
        (10, "editions", many(EDITION)), ANY),
    "entitlement": table(
        (1, "publisher", SLUG), (2, "id", ID), (3, "host", ID), (4, "host_key", KEY), (5, "customer", SLUG),
        (6, "customer_name", LABEL), (7, "issued", TIME), (8, "warn_at", TIME), (9, "stop_at", TIME),
        (10, "covers", many(COVER)), (11, "pools", many(POOL)), (12, "lease_secs_max", SECONDS),
        (13, "clients_max?", U64), (14, "key", product_key_id), (15, "request", ID), (16, "features?", many(SLUG)),
        (17, "tls_spki?", HASH), ANY),
    "lease": table(
        (1, "kind", KIND), (2, "publisher", SLUG), (3, "entitlement", ID), (4, "client", ID), (5, "client_key", KEY),
        (6, "edition", U16), (7, "request", ID), (8, "position", POSITION), (9, "issued", TIME),
        (10, "renew_after", TIME), (11, "expires", TIME), (12, "count", U64), (13, "threshold", U32),
        (14, "previous?", POSITION), (15, "seat?", SEAT), (16, "features?", many(SLUG)), (17, "ratchet?", octets(16)),
        (18, "fingerprint?", HASH), (19, "retry_secs?", SECONDS), (20, "help_url?", LABEL),
        (21, "transport?", uint(2)), ANY),
    "activation": table(
        (1, "publisher", SLUG), (2, "client", ID), (3, "client_key", KEY), (4, "edition", U16), (5, "request", ID),
        (6, "key", product_key_id), (7, "issued", TIME), (8, "expires?", TIME), (9, "features?", many(SLUG)), ANY),
    "revocations": table(
        (1, "publisher", SLUG), (2, "sequence", U64), (3, "issued", TIME), (4, "entitlements", many(ID)),
        (5, "hosts", many(ID)), (6, "customers", many(SLUG)), (7, "issuers", many(KEY_ID)), ANY),
    "request": table(
        (1, "act", uint(7)), (2, "publisher", SLUG), (3, "client", ID), (4, "client_key", KEY), (5, "edition", U16),
        (6, "request", ID), (7, "time", TIME), (8, "high_water", TIME), (9, "counter", U64),
        (10, "product_version?", LABEL), (11, "previous?", POSITION), (12, "audience?", ID), (13, "pool?", SLUG),
        (14, "fence?", U64), (15, "ratchet?", octets(16)), (16, "key?", LABEL), (17, "name?", LABEL),
        (18, "system?", LABEL), (19, "boot?", octets(8)), (20, "fingerprint?", many(FACT, 8)), (21, "replaces?", ID),
        (22, "standing?", uint(7)), ANY),
    "report": table(
        (1, "publisher", SLUG), (2, "entitlement", ID), (3, "request", ID), (4, "edition", U16), (5, "time", TIME),
        (6, "position", POSITION), (7, "count", U64), (8, "threshold", U32), (9, "refusal?", SLUG), ANY),
    "time-reset": table(
        (1, "publisher", SLUG), (2, "client", ID), (3, "client_key", KEY), (4, "edition", U16), (5, "request", ID),
        (6, "issued", TIME), ANY),
    "host-request": table(
        (1, "publisher", SLUG), (2, "host", ID), (3, "host_key", KEY), (4, "request", ID), (5, "time", TIME),
        (6, "key", LABEL), (7, "catalogue_version", U32), (8, "name?", LABEL), (9, "ledger?", POSITION),
        (10, "clients?", U64), (11, "tls_spki?", HASH), ANY),
}
SIZES = {"catalogue": 262144, "revocations": 65536}


def in_order(*values):
    return all(a <= b for a, b in zip(values, values[1:]))


def is_unique(values):
    return len(values) == len(set(values))


def is_page(url):
    return url is None or re.fullmatch(r"https?://\S+", url) is not None


def catalogue_rules(c):
    policy, families, groups, editions = c["policy"], c["families"], c["groups"], c["editions"]
    intervals = (policy["renew"], policy["retry"])
    setup = [product_key(edition["setup_key"]) for edition in editions]
    mark = hashlib.sha256(c["publisher"].encode()).digest()[0]
    return [
        all(0 < i["min_secs"] <= i["default_secs"] <= i["max_secs"] for i in intervals),
        policy["lease_secs"] > 0 and policy["window_secs"] > 0,
        is_page(c.get("help_url")),
        all(is_unique([item[name] for item in items]) for items in (families, groups, editions)
            for name in ("number", "id")),
        {group["family"] for group in groups} <= {family["number"] for family in families},
        {edition["group"] for edition in editions} <= {group["number"] for group in groups},
        all(edition["threshold"] > 0 and edition["kind"] > 0 for edition in editions),
        all((key["number"], key["mark"]) == (edition["number"], mark) for key, edition in zip(setup, editions)),
    ]


RULES = {
    "issuer": lambda i: [in_order(i["not_before"], i["sign_until"], i["expires"]),
                         i["entitlement_secs_max"] > 0 and i["lease_secs_max"] > 0],
    "catalogue": catalogue_rules,
    "entitlement": lambda e: [
        in_order(e["issued"], e["warn_at"], e["stop_at"]), e["covers"] or e["pools"],
        all(cover.get("threshold") != 0 for cover in e["covers"]),
        all(1 <= pool["term_secs"] <= 86400 for pool in e["pools"]),
        is_unique([pool["id"] for pool in e["pools"]]),
    ],
    "lease": lambda l: [in_order(l["issued"], l["renew_after"], l["expires"]), l["kind"] > 0, l.get("transport") != 0,
                        (l["kind"] == 2) == ("seat" in l), is_page(l.get("help_url"))],
    "activation": lambda a: [a.get("expires", a["issued"]) >= a["issued"]],
    "request": lambda r: [r["act"] > 0, r.get("standing") != 0, r["act"] == 3 or "key" not in r],
}


# The envelope and the profile (documents.md, 2, 3 and 5.1).


def decode(content):
    """One CBOR value in deterministic form: whatever else was written does not encode to the same bytes again."""
    try:
        value = cbor2.CBORDecoder(io.BytesIO(content)).decode()
        is_exact = cbor2.dumps(value, canonical=True) == content
    except Exception:  # Whatever the library says of bytes that are no CBOR.
        raise Refused("document-malformed") from None
    need(is_exact)
    return value


class Document:
    """An envelope whose form is right; nothing of it is verified yet."""

    def __init__(self, content, kind):
        need(len(content) <= SIZES.get(kind, 4096), "document-too-large")
        parts = decode(content)
        need(type(parts) is list and [type(part) for part in parts] == [bytes, dict, bytes, bytes])
        self.protected, unprotected, self.payload, self.signature = parts
        need(unprotected == {} and len(self.signature) == 64)
        header = decode(self.protected)
        need(type(header) is dict and [(type(key), key) for key in header] == [(int, 1), (int, 4), (int, 16)])
        self.signer, self.type = header[4], header[16]
        need(header[1] == -19 and type(header[1]) is int and type(self.type) is str)
        need(type(self.signer) is bytes and len(self.signer) == 8)
        self.kind = kind
        need(self.type == f"keymuster-{kind}+cose", "document-wrong-type")

    def body(self):
        fields = TABLES[self.kind](decode(self.payload))
        need(all(RULES.get(self.kind, lambda _: [])(fields)))
        return fields

    def check_signature(self, key):
        external = b"keymuster1/" + self.type.encode()
        check_signature(key, cbor2.dumps(["Signature1", self.protected, external, self.payload]), self.signature)

    def verified(self, key):
        need(self.signer == key_id(key), "signer-unknown")
        self.check_signature(key)
        return self.body()


def own_request(content, kind, key_field):
    document = Document(content, kind)
    fields = document.body()
    document.verified(bytes.fromhex(fields[key_field]))
    return fields


# Bundles (messages.md, 2), trust files (documents.md, 4) and token files (client-tokens.md, 2).

BUNDLE = dict(enumerate(
    ("lease", "entitlement", "activation", "catalogue", "issuers", "revocations", "client_request", "host_request",
     "report", "time_reset", "client_requests", "mak", "activations", "refusals"), 1))
REFUSED = table((1, "request", ID), (2, "code", SLUG), (3, "detail?", LABEL))


def bundle(content):
    need(len(content) <= 524288, "document-too-large")
    value = decode(content)
    need(type(value) is dict and all(type(key) is int and key in BUNDLE for key in value))
    for key, item in value.items():
        items = item if key in (5, 11, 13, 14) else [item]
        need(type(items) is list and 1 <= len(items) <= (8 if key == 5 else 1000))
        read = {12: LABEL, 14: REFUSED}.get(key, lambda document: need(type(document) is bytes))
        for document in items:
            read(document)
    return {BUNDLE[key]: item for key, item in value.items()}


def bundle_keys(content):
    return {"keys": [key for key, name in BUNDLE.items() if name in bundle(content)]}


def bundle_file(content):
    need(content.startswith(b"KM1\n"))
    return bundle_keys(content[4:])


def trust_file(content):
    need(len(content.encode()) <= 4096, "refused")
    trust = {"publisher": None, "roots": [], "authority": None}
    first, *lines = (line.strip("".join(WHITE)) for line in content.split("\n"))
    need(first == "keymuster-trust 1", "refused")
    for line in lines:
        if not line or line.startswith("#"):
            continue
        word, _, value = line.partition(" ")
        if word == "root" and len(trust["roots"]) < 8:
            is_key = re.fullmatch("[0-9a-fA-F]{64}", value) and is_good_point(bytes.fromhex(value))
            need(is_key, "refused")
            trust["roots"].append(value.lower())
        elif word == "publisher" and trust["publisher"] is None:
            try:
                trust["publisher"] = SLUG(value)
            except Refused:
                raise Refused("refused") from None
        else:
            is_url = re.fullmatch(r"https?://[^/?#@ ]+", value)
            need(word == "authority" and trust["authority"] is None and is_url, "refused")
            trust["authority"] = value
    need(trust["publisher"] is not None and trust["roots"], "refused")
    return trust


def token_file(content):
    need(len(content.encode()) <= 4096, "refused")
    token = {"publisher": None, "edition": None, "roots": [], "settings": {}}
    first, *lines = (line.strip("".join(WHITE)) for line in content.split("\n"))
    need(first == "keymuster-token 1", "refused")
    for line in lines:
        if not line or line.startswith("#"):
            continue
        word, _, value = line.partition(" ")
        if word == "root":
            is_key = re.fullmatch("[0-9a-fA-F]{64}", value) and is_good_point(bytes.fromhex(value))
            need(is_key and len(token["roots"]) < 8, "refused")
            token["roots"].append(value.lower())
        elif word in ("publisher", "edition"):
            need(token[word] is None, "refused")
            try:
                token[word] = SLUG(value)
            except Refused:
                raise Refused("refused") from None
        else:
            need(word in ("host", "domain", "dns", "customer") and word not in token["settings"], "refused")
            need(re.fullmatch("[ -~]+", value), "refused")
            token["settings"][word] = value.strip(" ")
    need(token["publisher"] is not None, "refused")
    return token


# Frames (qr-codes.md, 1 and 2).

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def base45(content):
    for at in range(0, len(content), 3):
        group = content[at:at + 3]
        value = sum(CHARACTERS.index(c) * 45**place for place, c in enumerate(group))
        need(len(group) > 1 and value < 256 ** (len(group) - 1), "frame-unreadable")
        yield value.to_bytes(len(group) - 1, "big")


def frames(texts):
    files, pieces = set(), {}
    for content in texts:
        frame = re.fullmatch(r"KM1:([1-9]\d?)/([1-9]\d?):([0-9A-F]{8}):([0-9A-Z $%*+./:-]+)", content, re.ASCII)
        need(frame, "frame-unreadable")
        number, count, data = int(frame[1]), int(frame[2]), b"".join(base45(frame[4]))
        need(number <= count <= 64 and len(data) <= 954, "frame-unreadable")
        files.add((count, frame[3]))
        need(len(files) == 1, "frames-mixed")
        need(pieces.setdefault(number, data) == data, "frame-unreadable")
    missing = [number for count, _ in files for number in range(1, count + 1) if number not in pieces]
    if missing or not files:
        raise Refused("frames-missing", {"missing": missing})
    content = b"".join(data for _, data in sorted(pieces.items()))
    need(f"{zlib.crc32(content):08X}" == files.pop()[1], "frame-unreadable")
    return {"file": content.hex()}


# Chains (documents.md, 5.2 to 5.6).


def apart(late, early):
    return max(0, late - early)


class Chain:
    def __init__(self, trust, content, held=None):
        self.publisher, self.content, self.revocations = trust["publisher"], content, None
        roots = [bytes.fromhex(root) for root in trust["roots"]]
        self.issuers = []
        for certificate in content.get("issuers", []):
            document = Document(certificate, "issuer")
            root = next((root for root in roots if key_id(root) == document.signer), None)
            need(root is not None, "signer-unknown")
            issuer = document.verified(root)
            need(issuer["publisher"] == self.publisher, "wrong-publisher")
            self.issuers.append(issuer)
        counts = held
        if "revocations" in content:
            sent, _ = self.issued("revocations")
            signer = Document(content["revocations"], "revocations").signer.hex()
            if held is None or (sent["sequence"] > held["sequence"] and signer not in held["issuers"]):
                counts = sent
        self.revocations = counts

    def revoked(self, name, value):
        return self.revocations is not None and value in self.revocations[name]

    def issued(self, kind):
        name = kind.replace("-", "_")
        need(name in self.content)
        document = Document(self.content[name], kind)
        keys = ((issuer, bytes.fromhex(issuer["key"])) for issuer in self.issuers)
        issuer, key = next(((i, k) for i, k in keys if key_id(k) == document.signer), (None, None))
        need(issuer is not None, "signer-unknown")
        body = document.verified(key)
        need(not self.revoked("issuers", document.signer.hex()), "revoked")
        need(body["publisher"] == self.publisher, "wrong-publisher")
        need(issuer["not_before"] <= body["issued"] <= issuer["sign_until"], "beyond-limits")
        return body, issuer

    def entitlement(self):
        e, issuer = self.issued("entitlement")
        allowed = issuer.get("families")
        need(e["stop_at"] <= issuer["expires"], "beyond-limits")
        need(apart(e["stop_at"], e["issued"]) <= issuer["entitlement_secs_max"], "beyond-limits")
        need(e["lease_secs_max"] <= issuer["lease_secs_max"], "beyond-limits")
        need(all(allowed is None or cover["family"] in allowed for cover in e["covers"]), "beyond-limits")
        is_revoked = [self.revoked("entitlements", e["id"]), self.revoked("hosts", e["host"]),
                      self.revoked("customers", e["customer"])]
        need(not any(is_revoked), "revoked")
        return e, issuer

    def lease(self, asker):
        e, issuer = self.entitlement()
        need("lease" in self.content)
        lease = Document(self.content["lease"], "lease").verified(bytes.fromhex(e["host_key"]))
        need(lease["publisher"] == self.publisher, "wrong-publisher")
        is_own_host = lease["entitlement"] == e["id"] and lease["position"]["host"] == e["host"]
        need(is_own_host, "for-another-host")
        asker.check(lease, issuer)
        term = apart(lease["expires"], lease["issued"])
        need(lease["issued"] >= max(0, e["issued"] - 300), "beyond-limits")
        need(lease["expires"] <= e["stop_at"] and term <= e["lease_secs_max"], "beyond-limits")
        need(lease["kind"] == asker.edition["kind"], "beyond-limits")
        if lease["kind"] == 2:
            named = (lease["seat"]["pool"], lease["edition"])
            pool = next((pool for pool in e["pools"] if (pool["id"], pool["edition"]) == named), None)
            need(pool is not None and term <= pool["term_secs"], "beyond-limits")
        else:
            covers = [cover for cover in e["covers"] if asker.is_included(cover)]
            need(covers, "beyond-limits")
            least = min(cover.get("threshold", asker.edition["threshold"]) for cover in covers)
            need(lease["threshold"] >= least and lease["count"] >= lease["threshold"], "count-below-threshold")
        place = lease["position"]
        if asker.held and asker.held["host"] == place["host"]:
            held = (asker.held["epoch"], asker.held["sequence"])
            need((place["epoch"], place["sequence"]) >= held, "older-than-held")
        return lease

    def activation(self, asker):
        activation, issuer = self.issued("activation")
        asker.check(activation, issuer)
        return activation

    def report(self, asker):
        e, _ = self.entitlement()
        need("report" in self.content)
        report = Document(self.content["report"], "report").verified(bytes.fromhex(e["host_key"]))
        need(report["publisher"] == self.publisher, "wrong-publisher")
        is_own_host = report["entitlement"] == e["id"] and report["position"]["host"] == e["host"]
        need(is_own_host, "for-another-host")
        asker.check_request(report)
        return report

    def time_reset(self, asker):
        reset, _ = self.issued("time-reset")
        asker.check_client(reset)
        asker.check_request(reset)
        return reset


class Asker:
    def __init__(self, context, trust):
        catalogue, _ = Chain(trust, bundle(bytes.fromhex(context["pack"]))).issued("catalogue")
        self.client, self.key = context["client"], context["client_key"]
        self.request, self.held = context["request"], context.get("held")
        self.edition = next(e for e in catalogue["editions"] if e["number"] == context["edition"])
        self.group = next(g for g in catalogue["groups"] if g["number"] == self.edition["group"])

    def check_client(self, answer):
        need((answer["client"], answer["client_key"]) == (self.client, self.key), "for-another-client")

    def check_request(self, answer):
        need(answer["edition"] == self.edition["number"], "for-another-edition")
        need(self.request in (None, answer["request"]), "answer-to-another-request")

    def check(self, answer, issuer):
        self.check_client(answer)
        self.check_request(answer)
        need(self.group["family"] in issuer.get("families", [self.group["family"]]), "beyond-limits")

    def is_included(self, cover):
        group = self.group
        return (group["family"] == cover["family"] and group["rank"] <= cover["rank"]
                and group["generation"] <= cover["generation"])


# Vectors (vectors/README.md).


def answer(kind, content, context):
    trust, held = trust_file(context["trust"]), None
    if "revocations" in context:
        held = Chain(trust, bundle(bytes.fromhex(context["revocations"]))).revocations
    chain = Chain(trust, bundle(content), held)
    match kind:
        case "catalogue-pack":
            return chain.issued("catalogue")[0]
        case "entitlement-answer":
            return chain.entitlement()[0]
        case "lease-answer":
            return chain.lease(Asker(context, trust))
        case "activation-answer":
            return chain.activation(Asker(context, trust))
        case "report-answer":
            return chain.report(Asker(context, trust))
        case "time-reset-answer":
            return chain.time_reset(Asker(context, trust))
    raise ValueError(f"unknown kind {kind}")


def read(vector):
    kind, given = vector["kind"], vector["input"]
    content = {name: bytes.fromhex(given[name]) for name in ("document", "bundle", "file", "key") if name in given}
    match kind:
        case "product-key":
            return product_key(given["text"])
        case "trust":
            return trust_file(given["text"])
        case "client-token":
            return token_file(given["text"])
        case "document":
            return Document(content["document"], given["type"]).verified(content["key"])
        case "client-request":
            return own_request(content["document"], "request", "client_key")
        case "host-request":
            return own_request(content["document"], "host-request", "host_key")
        case "bundle":
            return bundle_keys(content["bundle"])
        case "bundle-file":
            return bundle_file(content["file"])
        case "frames":
            return frames(given["frames"])
    return answer(kind, content["bundle"], vector["context"])


def disagreement(vector):
    try:
        found, says = "accepted", read(vector)
    except Refused as refused:
        found, says = refused.code, refused.says
    if found != vector["expect"]:
        return f"expected {vector['expect']}, found {found}"
    wrong = [name for name, value in vector.get("decoded", {}).items() if says.get(name) != value]
    return f"{wrong[0]} is {says.get(wrong[0])!r}, expected {vector['decoded'][wrong[0]]!r}" if wrong else None


def main():
    directory = Path(__file__).resolve().parent.parent / "vectors"
    vectors = [vector for path in sorted(directory.glob("*.json")) for vector in json.loads(path.read_text("utf-8"))]
    agree = 0
    for vector in vectors:
        if (why := disagreement(vector)) is None:
            agree += 1
        else:
            print(f"{vector['name']}: {why}")
    print(f"{len(vectors)} vectors, {agree} agree")
    return 0 if vectors and agree == len(vectors) else 1


if __name__ == "__main__":
    sys.exit(main())
