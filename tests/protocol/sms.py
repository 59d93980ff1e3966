"""The verification SMS, from docs/protocol/registration.md."""

import base64
import re


def parse(text):
    """Token (16 bytes) and code (8 digits), or None when this is no verification SMS."""
    code = re.search(r"(?<![0-9])[0-9]{8}(?![0-9])", text)
    token = re.search(r"(?:^|(?<=\s))t:([A-Z2-7]{26})(?=\s|$)", text)
    if code is None or token is None:
        return None
    data = base64.b32decode(token.group(1) + "======")
    if base64.b32encode(data).decode().rstrip("=") != token.group(1):
        return None
    return data, code.group(0)
