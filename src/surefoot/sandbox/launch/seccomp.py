"""A deny list of system calls as a classic BPF program, for x86_64 and aarch64.

The list names what widens the kernel's surface or gets round a limit: tracing, mounts, namespaces,
keys, BPF, io_uring, memory that no limit counts (memfd, System V), clocks, modules. It is a second
wall behind namespaces and dropped capabilities, not the first.

    load arch -> other arch: kill     load nr -> on the list: EPERM or ENOSYS     else: allow
"""

import errno
import struct

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None where the architecture has no such call.
_DENIED: dict[str, tuple[int, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "unshare": (272, 97),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "iopl": (172, None),
    "ioperm": (173, None),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "fanotify_init": (300, 262),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "lookup_dcookie": (212, 18),
}
# Programs fall back where these are missing; EPERM would be taken for a failure.
_MISSING: dict[str, tuple[int, int]] = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "clone3": (435, 435),
}
_IOCTL, _CLONE, _SOCKET = (16, 29), (56, 220), (41, 198)
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_NEW_NAMESPACES = 0x7E020000  # all but time, whose bit is part of the exit signal in clone

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NR, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _refuse(number: int, error: int) -> bytes:
    return _step(_EQUAL, number, 0, 1) + _step(_RETURN, _ERRNO | error)


def number(name: str, machine: str) -> int | None:
    """The number of a call on the lists; None where the machine has none."""
    numbers = _DENIED.get(name) or _MISSING[name]
    return numbers[0] if machine == "x86_64" else numbers[1]


def program(machine: str, *, sockets: bool = False) -> bytes:
    """The filter for `machine` (as in os.uname) as an array of `sock_filter`; empty where the
    machine is neither x86_64 nor aarch64. `sockets` allows socket(2)."""
    if machine not in _AUDIT:
        return b""
    column = 0 if machine == "x86_64" else 1
    steps = [_step(_LOAD, _ARCH), _step(_EQUAL, _AUDIT[machine], 1, 0), _step(_RETURN, _KILL)]
    steps.append(_step(_LOAD, _NR))
    if machine == "x86_64":  # the x32 numbers would pass every comparison below
        steps += [_step(_AT_LEAST, 0x40000000, 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    denied = [numbers[column] for numbers in _DENIED.values()]
    steps += [_refuse(number, errno.EPERM) for number in denied if number is not None]
    steps += [_refuse(numbers[column], errno.ENOSYS) for numbers in _MISSING.values()]
    if not sockets:
        steps.append(_refuse(_SOCKET[column], errno.EPERM))
    steps += [
        _step(_EQUAL, _CLONE[column], 0, 4),
        _step(_LOAD, _ARG0),
        _step(_ANY_BIT, _NEW_NAMESPACES, 0, 1),
        _step(_RETURN, _ERRNO | errno.EPERM),
        _step(_RETURN, _ALLOW),
        _step(_EQUAL, _IOCTL[column], 0, 4),
        _step(_LOAD, _ARG1),
        _step(_EQUAL, _TERMINAL_INJECTION[0], 1, 0),
        _step(_EQUAL, _TERMINAL_INJECTION[1], 0, 1),
        _step(_RETURN, _ERRNO | errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)
