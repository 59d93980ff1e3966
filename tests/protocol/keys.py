"""Signatures and sealing of wire v1 in plain Python, from docs/protocol/keys.md and the RFCs it names.

Slow and not in constant time: for tests only.
"""

import hashlib
import hmac
import struct

P = 2**255 - 19

# ---------------------------------------------------------------------- canonical bytes


def canonical(domain, parts):
    out = domain.encode() + b"\0"
    for part in parts:
        out += struct.pack(">I", len(part)) + part
    return out


# ---------------------------------------------------------------------- Ed25519 (RFC 8032, section 5.1)

L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _add(a, b):
    one = (a[1] - a[0]) * (b[1] - b[0]) % P
    two = (a[1] + a[0]) * (b[1] + b[0]) % P
    three, four = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = two - one, four - three, four + three, two + one
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar, point):
    out = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            out = _add(out, point)
        point = _add(point, point)
        scalar >>= 1
    return out


def _point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _recover_x(y, sign) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


def _compress(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _recover_x(_BASE_Y, 0)
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def _hash_to_scalar(data):
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % L


def _secret(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:]


def device_key(seed):
    """The public half of an Ed25519 seed."""
    return _compress(_times(_secret(seed)[0], BASE))


def sign(seed, message):
    scalar, prefix = _secret(seed)
    public = device_key(seed)
    nonce = _hash_to_scalar(prefix + message)
    commitment = _compress(_times(nonce, BASE))
    return commitment + ((nonce + _hash_to_scalar(commitment + public + message) * scalar) % L).to_bytes(32, "little")


def verify(public, message, signature):
    key, commitment = _point(public), _point(signature[:32])
    answer = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or answer >= L or len(signature) != 64:
        return False
    challenge = _hash_to_scalar(signature[:32] + public + message)
    return _compress(_times(answer, BASE)) == _compress(_add(commitment, _times(challenge, key)))


# ---------------------------------------------------------------------- X25519 (RFC 7748)


def x25519(private, public):
    scalar = int.from_bytes(private, "little") & ((1 << 254) - 8) | 1 << 254
    u = int.from_bytes(public, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for place in reversed(range(255)):
        bit = scalar >> place & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


# ---------------------------------------------------------------------- ChaCha20-Poly1305 (RFC 8439)


def _block(key, counter, nonce):
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    state = start[:]

    def quarter(a, b, c, d):
        for to, other, turn, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[to] = (state[to] + state[other]) & 0xFFFFFFFF
            mixed = state[turn] ^ state[to]
            state[turn] = (mixed << by | mixed >> (32 - by)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for column in range(4):
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(state, start)))


def _stream(key, nonce, data):
    out = bytearray()
    for index in range(0, len(data), 64):
        out += bytes(a ^ b for a, b in zip(data[index : index + 64], _block(key, 1 + index // 64, nonce)))
    return bytes(out)


def _tag(key, nonce, aad, ciphertext):
    def padded(data):
        return data + bytes(-len(data) % 16)

    one_time = _block(key, 0, nonce)
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total, message = 0, padded(aad) + padded(ciphertext) + struct.pack("<QQ", len(aad), len(ciphertext))
    for index in range(0, len(message), 16):
        total = (total + int.from_bytes(message[index : index + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(one_time[16:32], "little")) % 2**128).to_bytes(16, "little")


# ---------------------------------------------------------------------- HPKE base mode (RFC 9180, sections 4.1, 5.1, 5.2)

KEM = b"KEM" + struct.pack(">H", 0x0020)
HPKE = b"HPKE" + struct.pack(">HHH", 0x0020, 0x0001, 0x0003)
INFO = b"tandem/1/sealed"


def _extract(suite, salt, label, data):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + data, hashlib.sha256).digest()


def _expand(suite, secret, label, info, length):
    info = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:length]


def _key_and_nonce(shared, encapsulated, recipient):
    secret = _extract(KEM, b"", b"eae_prk", shared)
    secret = _expand(KEM, secret, b"shared_secret", encapsulated + recipient, 32)
    context = b"\0" + _extract(HPKE, b"", b"psk_id_hash", b"") + _extract(HPKE, b"", b"info_hash", INFO)
    secret = _extract(HPKE, secret, b"secret", b"")
    return _expand(HPKE, secret, b"key", context, 32), _expand(HPKE, secret, b"base_nonce", context, 12)


def padded(plain):
    bucket = 64
    while bucket < len(plain) and bucket < 4096:
        bucket *= 2
    if len(plain) > 4096:
        bucket = -(-len(plain) // 4096) * 4096
    return struct.pack(">I", len(plain)) + plain + bytes(bucket - len(plain))


def public_of(private):
    return x25519(private, (9).to_bytes(32, "little"))


def seal(recipient, key_id, context, plain, ephemeral):
    """Seals to a public key. `ephemeral` is 32 random bytes."""
    header, encapsulated = b"\1" + struct.pack(">I", key_id), public_of(ephemeral)
    key, nonce = _key_and_nonce(x25519(ephemeral, recipient), encapsulated, recipient)
    ciphertext = _stream(key, nonce, padded(plain))
    return header + encapsulated + ciphertext + _tag(key, nonce, header + context, ciphertext)


def unseal(private, context, sealed):
    """The plain bytes, or None when they do not open."""
    header, encapsulated, ciphertext, tag = sealed[:5], sealed[5:37], sealed[37:-16], sealed[-16:]
    if header[:1] != b"\1" or len(sealed) < 53:
        return None
    key, nonce = _key_and_nonce(x25519(private, encapsulated), encapsulated, public_of(private))
    if not hmac.compare_digest(_tag(key, nonce, header + context, ciphertext), tag):
        return None
    plain = _stream(key, nonce, ciphertext)
    return plain[4 : 4 + struct.unpack(">I", plain[:4])[0]]
