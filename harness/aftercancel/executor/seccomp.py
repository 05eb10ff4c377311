"""What no namespace holds is refused by a system call filter, as container engines do it.

Kernel keyrings belong to users of the machine, root's among them, whatever sandbox root is in
(keyrings(7)); AF_VSOCK reaches the hypervisor from every network namespace (vsock(7)). The filter
is set by PID 1, which has CAP_SYS_ADMIN, so it needs no ``no_new_privs`` and sudo still works.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # struct seccomp_data
_AF_VSOCK = 40

# AUDIT_ARCH_*, the keyring calls (add_key, request_key, keyctl) and socket; the second of each
# machine is its 32-bit form, in which a program can still be started.
_CALLS = {
    "x86_64": ((0xC000003E, (248, 249, 250), 41), (0x40000003, (286, 287, 288), 359)),
    "aarch64": ((0xC00000B7, (217, 218, 219), 198), (0x40000028, (309, 310, 311), 281)),
}


def refuse_what_no_namespace_holds() -> None:
    """For the calling process and all below it; raises ``OSError``. Other machines: nothing."""
    program = _program(_CALLS.get(os.uname().machine, ()))
    if not program:
        return
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl PR_SET_SECCOMP: {os.strerror(number)}")


def _program(architectures: tuple[tuple[int, tuple[int, ...], int], ...]) -> bytes:
    """The filter as classic BPF (seccomp(2)): one block for each architecture."""
    blocks = [_block(*architecture) for architecture in architectures]
    if not blocks:
        return b""
    return b"".join([*blocks, _instruction(_RETURN, _ALLOW)])


def _block(architecture: int, keyrings: tuple[int, ...], socket: int) -> bytes:
    refused = _instruction(_RETURN, _ERRNO | errno.EPERM)
    unknown_family = _instruction(_RETURN, _ERRNO | errno.EAFNOSUPPORT)
    allowed = _instruction(_RETURN, _ALLOW)
    body = [_instruction(_LOAD, _NUMBER)]
    for number in keyrings:
        body += [_instruction(_JUMP_EQUAL, number, 0, 1), refused]
    body += [
        _instruction(_JUMP_EQUAL, socket, 0, 3),
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_JUMP_EQUAL, _AF_VSOCK, 0, 1),
        unknown_family,
        allowed,
    ]
    head = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_JUMP_EQUAL, architecture, 0, len(body)),
    ]
    return b"".join(head + body)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
