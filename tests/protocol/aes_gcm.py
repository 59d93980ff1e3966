"""AES-128-GCM in plain Python, from FIPS 197 and NIST SP 800-38D.

Slow and not in constant time: for tests only.
"""


def _multiply(a, b):
    product = 0
    for _ in range(8):
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _s_box():
    box = []
    for value in range(256):
        inverse = next((other for other in range(256) if _multiply(value, other) == 1), 0)
        turned = inverse
        for shift in range(1, 5):
            turned ^= inverse << shift | inverse >> 8 - shift
        box.append(turned & 0xFF ^ 0x63)
    return box


S = _s_box()


def _round_keys(key):
    words, constant = [list(key[i : i + 4]) for i in range(0, 16, 4)], 1
    for i in range(4, 44):
        word = list(words[-1])
        if i % 4 == 0:
            word = [S[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = _multiply(constant, 2)
        words.append([a ^ b for a, b in zip(word, words[i - 4])])
    return [sum(words[i : i + 4], []) for i in range(0, 44, 4)]


def _block(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [S[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if number < 10:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column : column + 4]
                for row in range(4):
                    b = a[row:] + a[:row]
                    mixed.append(_multiply(b[0], 2) ^ _multiply(b[1], 3) ^ b[2] ^ b[3])
            state = mixed
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def _ghash(subkey, data):
    subkey, sum_ = int.from_bytes(subkey, "big"), 0
    for start in range(0, len(data), 16):
        sum_ ^= int.from_bytes(data[start : start + 16], "big")
        product, factor = 0, subkey
        for bit in range(127, -1, -1):
            if sum_ >> bit & 1:
                product ^= factor
            factor = factor >> 1 ^ (0xE1 << 120 if factor & 1 else 0)
        sum_ = product
    return sum_.to_bytes(16, "big")


def _padded(data):
    return data + bytes(-len(data) % 16)


def _crypt(keys, nonce, data):
    out = b""
    for number, start in enumerate(range(0, len(data), 16), 2):
        stream = _block(keys, nonce + number.to_bytes(4, "big"))
        out += bytes(a ^ b for a, b in zip(data[start : start + 16], stream))
    return out


def _tag(keys, nonce, clear, sealed):
    lengths = (8 * len(clear)).to_bytes(8, "big") + (8 * len(sealed)).to_bytes(8, "big")
    hashed = _ghash(_block(keys, bytes(16)), _padded(clear) + _padded(sealed) + lengths)
    return bytes(a ^ b for a, b in zip(hashed, _block(keys, nonce + b"\0\0\0\1")))


def seal(key, nonce, clear, data):
    """What is to be read, and behind it the tag over it and what stands in the clear."""
    keys = _round_keys(key)
    sealed = _crypt(keys, nonce, data)
    return sealed + _tag(keys, nonce, clear, sealed)


def open_(key, nonce, clear, sealed):
    """What was sealed; `None` when it was not with this key, nonce and clear part."""
    keys, body, tag = _round_keys(key), sealed[:-16], sealed[-16:]
    return _crypt(keys, nonce, body) if _tag(keys, nonce, clear, body) == tag else None
