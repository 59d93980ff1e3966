"""Wire v1 in Python, from `core/wire/proto/tandem_v1.proto` and docs/protocol alone.

A message is a dict: field names of the schema, bytes as hex text, enums by name, nothing for a field that is empty or zero.
Protobuf is written here by hand (varints and lengths), so that this shares no code with the Rust codec.
"""

import re
import struct
from pathlib import Path

PROTO = Path(__file__).resolve().parents[2] / "core/wire/proto/tandem_v1.proto"

VARINT, FIXED64, LENGTH = 0, 1, 2


class Malformed(Exception):
    """The bytes are not a message of this schema."""


class Field:
    def __init__(self, name, kind, number, repeated, in_oneof):
        self.name, self.kind, self.number, self.repeated, self.in_oneof = name, kind, number, repeated, in_oneof


class Schema:
    """The messages and enums of the .proto, by name."""

    def __init__(self, text):
        text = re.sub(r"//[^\n]*", "", text)
        self.messages, self.enums = {}, {}
        for kind, name, body in re.findall(r"\b(message|enum)\s+(\w+)\s*\{((?:[^{}]|\{[^{}]*\})*)\}", text):
            if kind == "enum":
                self.enums[name] = {label: int(number) for label, number in re.findall(r"(\w+)\s*=\s*(\d+)\s*;", body)}
            else:
                self.messages[name] = self._fields(body)

    @staticmethod
    def _fields(body):
        fields, depth = [], 0
        for statement in re.split(r"(?<=[;{}])", re.sub(r"reserved[^;]*;", "", body)):
            if "oneof" in statement:
                depth = 1
                continue
            if "}" in statement:
                depth = 0
            found = re.search(r"(repeated\s+)?(\w+)\s+(\w+)\s*=\s*(\d+)\s*;", statement)
            if found:
                repeated, kind, name, number = found.groups()
                fields.append(Field(name, kind, int(number), bool(repeated), depth == 1))
        return fields

    @classmethod
    def load(cls):
        return cls(PROTO.read_text(encoding="utf-8"))

    # ------------------------------------------------------------------ decoding

    def decode(self, message, data):
        known = {field.number: field for field in self.messages[message]}
        out, place = {}, 0
        while place < len(data):
            tag, place = read_varint(data, place)
            number, form = tag >> 3, tag & 7
            value, place = read_value(data, place, form)
            field = known.get(number)
            if field is None:
                continue
            self._keep(out, field, form, value, known)
        return out

    def _keep(self, out, field, form, value, known):
        if field.repeated and field.kind == "fixed64" and form == LENGTH:
            if len(value) % 8:
                raise Malformed("packed numbers of another length")
            out.setdefault(field.name, []).extend(struct.unpack(f"<{len(value) // 8}Q", value))
            return
        value = self._value(field, form, value)
        if field.repeated:
            out.setdefault(field.name, []).append(value)
        elif field.in_oneof:
            for other in known.values():
                if other.in_oneof:
                    out.pop(other.name, None)
            out[field.name] = value
        elif value not in (0, "", False):
            out[field.name] = value

    def _value(self, field, form, value):
        wanted = {"fixed64": FIXED64, "string": LENGTH, "bytes": LENGTH}.get(field.kind)
        if wanted is None:
            wanted = LENGTH if field.kind in self.messages else VARINT
        if form != wanted:
            raise Malformed(f"{field.name} in another form")
        if field.kind in self.messages:
            return self.decode(field.kind, value)
        if field.kind in self.enums:
            names = {number: label for label, number in self.enums[field.kind].items()}
            return names.get(value, value) if value else 0
        if field.kind == "string":
            return value.decode("utf-8")
        if field.kind == "bytes":
            return value.hex()
        if field.kind == "bool":
            return bool(value)
        if field.kind == "fixed64":
            return struct.unpack("<Q", value)[0]
        if field.kind == "int64":
            return value - (1 << 64) if value >> 63 else value
        return value

    # ------------------------------------------------------------------ encoding

    def encode(self, message, values):
        out = b""
        unknown = set(values) - {field.name for field in self.messages[message]}
        if unknown:
            raise KeyError(f"{message} has no {sorted(unknown)}")
        for field in sorted(self.messages[message], key=lambda field: field.number):
            if field.name not in values:
                continue
            value = values[field.name]
            if field.repeated and field.kind == "fixed64":
                if value:
                    out += tag(field.number, LENGTH) + delimited(struct.pack(f"<{len(value)}Q", *value))
            elif field.repeated:
                for one in value:
                    out += self._one(field, one)
            else:
                out += self._one(field, value)
        return out

    def _one(self, field, value):
        if field.kind in self.messages:
            return tag(field.number, LENGTH) + delimited(self.encode(field.kind, value))
        if field.kind == "string":
            return tag(field.number, LENGTH) + delimited(value.encode("utf-8"))
        if field.kind == "bytes":
            return tag(field.number, LENGTH) + delimited(bytes.fromhex(value))
        if field.kind == "fixed64":
            return tag(field.number, FIXED64) + struct.pack("<Q", value)
        if field.kind in self.enums:
            value = self.enums[field.kind].get(value, value)
        return tag(field.number, VARINT) + varint(int(value) & ((1 << 64) - 1))


def read_varint(data, place):
    value, shift = 0, 0
    while True:
        if place >= len(data) or shift > 63:
            raise Malformed("a varint without end")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def read_value(data, place, form):
    if form == VARINT:
        return read_varint(data, place)
    if form == FIXED64:
        size = 8
    elif form == LENGTH:
        size, place = read_varint(data, place)
    elif form == 5:
        size = 4
    else:
        raise Malformed("groups are no part of proto3")
    if place + size > len(data):
        raise Malformed("a length past the end")
    return data[place : place + size], place + size


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number, form):
    return varint(number << 3 | form)


def delimited(data):
    return varint(len(data)) + data
