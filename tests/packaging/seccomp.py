"""The unit's system call rules, enforced on a child process without systemd.

Builds the filter systemd would build from SystemCallFilter=, MemoryDenyWriteExecute= and
RestrictAddressFamilies=, and installs it between fork and exec. A call it refuses fails with
EPERM, as SystemCallErrorNumber=EPERM in the unit has it.
"""

import ctypes
import errno
import os
import struct
import subprocess

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
RET_ALLOW = 0x7FFF0000
RET_ERRNO = 0x00050000
LOAD, JUMP_EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06  # BPF: ld abs word, jeq, and, ret
OFFSET_NUMBER, OFFSET_ARGS = 0, 16  # in struct seccomp_data
PROT_WRITE, PROT_EXEC = 2, 4


def allowed_calls(filters: list[str]) -> set[str]:
    """The system calls left by SystemCallFilter= lines, the first of which is an allow list."""
    allowed = set()
    for line in filters:
        named = set().union(*(expand(word) for word in line.removeprefix("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def expand(word: str) -> set[str]:
    """A call by itself, or the calls of a group such as `@system-service`."""
    if not word.startswith("@"):
        return {word}
    listing = subprocess.run(["systemd-analyze", "syscall-filter", word], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    members = [line.strip() for line in listing.splitlines()[1:]]
    return set().union(*(expand(member) for member in members if member and member[0] != "#"))


def numbers(calls: set[str]) -> dict[str, int]:
    """The numbers the calls have on this machine; those it does not have are left out."""
    names = sorted(calls)
    source = "#include <sys/syscall.h>\n" + "\n".join(f"row {name} SYS_{name}" for name in names)
    rows = subprocess.run(["gcc", "-E", "-P", "-"], input=source, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.splitlines()
    pairs = [row.split()[1:] for row in rows if row.startswith("row ")]
    return {pair[0]: int(pair[1]) for pair in pairs if pair[1].isdigit()}


def program(filters: list[str], families: list[int]) -> bytes:
    """The BPF program: each rule loads what it looks at, and a match returns."""
    known = numbers(allowed_calls(filters))
    refuse = RET_ERRNO | errno.EPERM
    steps = []

    def refuse_if(call: str, argument: int, mask: int):
        """Refuses `call` when all bits of `mask` are set in an argument."""
        steps.extend([
            (LOAD, 0, 0, OFFSET_NUMBER), (JUMP_EQUAL, 0, 4, known[call]),
            (LOAD, 0, 0, OFFSET_ARGS + 8 * argument), (AND, 0, 0, mask),
            (JUMP_EQUAL, 0, 1, mask), (RETURN, 0, 0, refuse)])

    refuse_if("mmap", 2, PROT_WRITE | PROT_EXEC)
    refuse_if("mprotect", 2, PROT_EXEC)
    steps += [(LOAD, 0, 0, OFFSET_NUMBER),
              (JUMP_EQUAL, 0, 2 + len(families), known["socket"]),
              (LOAD, 0, 0, OFFSET_ARGS)]
    for place, family in enumerate(families):
        steps.append((JUMP_EQUAL, len(families) - place, 0, family))
    steps += [(RETURN, 0, 0, refuse), (LOAD, 0, 0, OFFSET_NUMBER)]
    for number in known.values():
        steps += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, RET_ALLOW)]
    steps.append((RETURN, 0, 0, refuse))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def install(code: bytes):
    """Puts this process, and what it executes, under the program. For a `preexec_fn`."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
