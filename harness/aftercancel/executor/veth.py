"""Two network namespaces joined by a veth pair, through rtnetlink (rtnetlink(7), veth(4)).

A netlink socket belongs to the network namespace that it was opened in, so one process can hold
one for each side. Raises ``OSError`` with the kernel's errno.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Self

NEAR, FAR = "192.0.2.1", "192.0.2.2"
"""Of TEST-NET-1 (RFC 5737): no route leads there from anywhere else."""

_INDEX = 10
"""Of the interface, on both sides: a fresh namespace has only lo, number 1."""
_PREFIX = 24
_NEWLINK, _NEWADDR = 16, 20
_ERROR = 2  # NLMSG_ERROR; with errno 0 it is the acknowledgement
_REQUEST, _ACKNOWLEDGE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_IFNAME, _LINKINFO, _NET_NS_FD = 3, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_ADDRESS, _LOCAL = 1, 2
_UP = 1
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS_HEADER = struct.Struct("=BBBBi")  # struct ifaddrmsg


class Routes:
    """A netlink socket in the network namespace where this is made; a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def add_pair(self, name: str, peer: str, peer_namespace: int) -> None:
        """A pair, ``name`` here and ``peer`` in the network namespace of that descriptor."""
        other = _link(index=_INDEX) + _text(_IFNAME, peer) + _number(_NET_NS_FD, peer_namespace)
        info = _text(_INFO_KIND, "veth") + _attribute(_INFO_DATA, _attribute(_VETH_PEER, other))
        message = _link(index=_INDEX) + _text(_IFNAME, name) + _attribute(_LINKINFO, info)
        self._ask(_NEWLINK, _CREATE | _EXCLUSIVE, message)

    def set_address(self, address: str) -> None:
        packed = socket.inet_aton(address)
        header = _ADDRESS_HEADER.pack(socket.AF_INET, _PREFIX, 0, 0, _INDEX)
        message = header + _attribute(_LOCAL, packed) + _attribute(_ADDRESS, packed)
        self._ask(_NEWADDR, _CREATE | _EXCLUSIVE, message)

    def set_up(self, *, up: bool) -> None:
        self._ask(_NEWLINK, 0, _link(index=_INDEX, flags=_UP if up else 0, change=_UP))

    def _ask(self, kind: int, flags: int, message: bytes) -> None:
        length = _HEADER.size + len(message)
        header = _HEADER.pack(length, kind, _REQUEST | _ACKNOWLEDGE | flags, 0, 0)
        self._socket.send(header + message)
        answer = self._socket.recv(4096)
        if _HEADER.unpack_from(answer)[1] == _ERROR:
            number = -struct.unpack_from("=i", answer, _HEADER.size)[0]
            if number:
                raise OSError(number, f"rtnetlink: {os.strerror(number)}")


def _link(*, index: int, flags: int = 0, change: int = 0) -> bytes:
    return _LINK.pack(socket.AF_UNSPEC, 0, index, flags, change)


def _attribute(kind: int, value: bytes) -> bytes:
    """struct rtattr with its value, padded to four bytes."""
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))
