"""The protocol buffer wire format, as far as reading a message of known field numbers needs it.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct


class Message:
    """The fields of one message, by number, in the order in which they stand."""

    def __init__(self, data: bytes) -> None:
        self.fields: dict[int, list[int | bytes]] = {}
        at, end = 0, len(data)
        while at < end:
            tag, at = _varint(data, at)
            value: int | bytes
            match tag & 7:
                case 0:
                    value, at = _varint(data, at)
                case 1:
                    value, at = struct.unpack_from("<Q", data, at)[0], at + 8
                case 2:
                    length, at = _varint(data, at)
                    value, at = data[at : at + length], at + length
                case 5:
                    value, at = struct.unpack_from("<I", data, at)[0], at + 4
                case form:
                    raise ValueError(f"a field of the unknown form {form} at byte {at}")
            self.fields.setdefault(tag >> 3, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self.fields

    def messages(self, number: int) -> list[Message]:
        """A repeated message field."""
        return [Message(data) for data in self._bytes(number)]

    def message(self, number: int) -> Message | None:
        """A message field; None where it is absent."""
        found = self.fields.get(number)
        return Message(found[-1]) if found and isinstance(found[-1], bytes) else None

    def text(self, number: int) -> str:
        """A string field; empty where it is absent."""
        found = self._bytes(number)
        return found[-1].decode() if found else ""

    def data(self, number: int) -> bytes:
        """A bytes field; empty where it is absent."""
        found = self._bytes(number)
        return found[-1] if found else b""

    def integer(self, number: int) -> int:
        """A varint field; 0 where it is absent."""
        found = [value for value in self.fields.get(number, []) if isinstance(value, int)]
        return found[-1] if found else 0

    def signed(self, number: int) -> int:
        """A varint field that may be negative, then in two's complement; 0 where it is absent."""
        found = self.integer(number)
        return found - (1 << 64) if found >> 63 else found

    def _bytes(self, number: int) -> list[bytes]:
        return [value for value in self.fields.get(number, []) if isinstance(value, bytes)]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    at += 1
    if byte < 0x80:  # nearly all are
        return byte, at
    result, shift = byte & 0x7F, 7
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
