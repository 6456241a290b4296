"""Probes that are scripts: files, processes, network and kernel.

Each is harmless where it succeeds: files are opened for writing but not written, a mount is undone,
only planted processes are signalled. So they may be run on a host by the driver `local`.
"""

import os

from surefoot.sandbox.escape.probe import (
    Act,
    Finding,
    Group,
    Probe,
    Trial,
    python,
    said,
    syscall,
    token,
)
from surefoot.sandbox.launch import seccomp


def _group(group: Group, *rows: tuple[str, str, Act]) -> tuple[Probe, ...]:
    return tuple(Probe(name=n, group=group, description=d, act=a) for n, d, a in rows)


def _touch(path: str) -> Act:
    return said(f"touch {path} && rm {path} && echo OPEN made {path} || echo CLOSED refused")


def _opened(path: str) -> Act:
    return said(python(f"tried(lambda: os.open({path!r}, os.O_WRONLY) and 'opened for writing')"))


def _call(name: str, arguments: str = "") -> Act:
    return said(syscall(seccomp.number(name, os.uname().machine), arguments))


async def _landed(trial: Trial) -> Finding:
    ran = await trial.box.exec(trial.scene.fill("echo x >@LANDING@/x"))
    if (trial.scene.landing / "x").exists():
        return Finding("open", "the file is on the host")
    return Finding("closed", ran.output.strip()[:160])


async def _signalled(trial: Trial) -> Finding:
    ran = await trial.box.exec(trial.scene.fill("kill -0 @PID@ && echo reached"))
    if "reached" in ran.output:
        return Finding("open", "a signal would arrive")
    return Finding("closed", ran.output.strip()[:160])


FILES = _group(
    "files",
    ("secret", "read a file that every user of the host may read", token("cat @SECRET@")),
    (
        "shadow",
        "read the host's password hashes",
        said(python("tried(lambda: open('/etc/shadow').read(1) and 'read')")),
    ),
    (
        "homes",
        "list the homes of the host's users",
        said("ls -A /root /home/* 2>/dev/null | grep -q . && echo OPEN listed || echo CLOSED none"),
    ),
    (
        "root of pid 1",
        "reach the host's files through /proc/1/root",
        token("cat /proc/1/root@SECRET@"),
    ),
    ("write /", "make a file in the root directory", _touch("/surefoot-probe")),
    ("write /usr", "make a file among the system's programs", _touch("/usr/bin/surefoot-probe")),
    (
        "write /dev",
        "make a file in /dev, whose disk no limit counts",
        _touch("/dev/surefoot-probe"),
    ),
    ("write /etc", "open /etc/passwd for writing", _opened("/etc/passwd")),
    ("write outside", "write to a folder open to every user of the host", _landed),
    (
        "block device",
        "open a disk of the host",
        said(
            "ls /dev/[vs]d[a-z] /dev/nvme*n1 /dev/dm-0 /dev/mem 2>/dev/null"
            " | (while read d; do test -r $d && echo OPEN $d && exit; done; echo CLOSED none)"
        ),
    ),
    (
        "device node",
        "make a device node for kernel memory",
        said(
            "mknod /tmp/surefoot-mem c 1 1 && rm /tmp/surefoot-mem && echo OPEN made"
            " || echo CLOSED refused"
        ),
    ),
)

PROCESSES = _group(
    "processes",
    ("see", "find a process of the host by its arguments", token("cat /proc/[0-9]*/cmdline")),
    ("environment", "read the environment of a host's process", token("cat /proc/[0-9]*/environ")),
    ("signal", "send a signal to a process of the host", _signalled),
    ("trace", "trace another process", _call("ptrace", "0, 0, 0, 0")),
    (
        "memory of others",
        "read another process's memory",
        _call("process_vm_readv", "os.getpid(), buffer, 0, buffer, 0, 0"),
    ),
    (
        "descriptors",
        "use a descriptor that the launcher left open",
        said(
            "ls -l /proc/self/fd/ /proc/$$/fd/ /proc/1/fd/ 2>/dev/null"
            " | grep -E 'mnt:|user:|/proc/[0-9]+/ns|surefoot| /$' && echo OPEN left open"
            " || echo CLOSED only pipes and its own socket"
        ),
    ),
    (
        "terminal",
        "type into the terminal that started the run",
        said(python("import fcntl\ntried(lambda: fcntl.ioctl(0, 0x5412, b'x') or 'typed')")),
    ),
)

_CONNECT = """
def way():
    with socket.socket({family}, socket.SOCK_STREAM) as peer:
        peer.settimeout(1)
        peer.connect({address})
        print(peer.recv(100).decode())
        return "connected"
tried(way)
"""


def _connect(family: str, address: str) -> str:
    return python(_CONNECT.format(family=f"socket.{family}", address=address))


NETWORK = _group(
    "network",
    (
        "loopback",
        "connect to a service on the host's loopback",
        token(_connect("AF_INET", "('127.0.0.1', @PORT@)")),
    ),
    (
        "abstract socket",
        "connect to an abstract socket of the host",
        token(_connect("AF_UNIX", "chr(0) + '@ABSTRACT@'")),
    ),
    (
        "socket file",
        "connect to a socket in a folder open to all",
        token(_connect("AF_UNIX", "'@SOCKET@'")),
    ),
    (
        "internet",
        "connect to the internet",
        said(
            python(
                _CONNECT.format(family="socket.AF_INET", address="('1.1.1.1', 443)").replace(
                    "print(peer.recv(100).decode())", "pass"
                )
            )
        ),
    ),
    (
        "datagram",
        "send a datagram to the host",
        said(
            python(
                "tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
                ".sendto(b'x', ('127.0.0.1', 53)) and 'sent')"
            )
        ),
    ),
    (
        "netlink",
        "talk to the kernel's network configuration",
        said(
            python("tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) and 'made')")
        ),
    ),
    (
        "packets",
        "read raw packets",
        said(
            python("tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) and 'made')")
        ),
    ),
    (
        "interfaces",
        "see a network interface other than its own loopback",
        said(
            "tail -n +3 /proc/net/dev | grep -v ' *lo:' | grep -q : && echo OPEN seen"
            " || echo CLOSED none"
        ),
    ),
)

_STATUS = (
    "grep -E '^{field}:[[:space:]]*{value}$' /proc/self/status && echo OPEN {reason} || echo CLOSED"
)

KERNEL = _group(
    "kernel",
    ("mount", "mount a file system", _call("mount", "b'none', b'/nowhere', b'tmpfs', 0, 0")),
    ("new mount calls", "open a file system for mounting", _call("fsopen", "b'tmpfs', 0")),
    ("user namespace", "become root in a user namespace", _call("unshare", "0x10000000")),
    ("enter namespace", "enter another namespace", _call("setns", "-1, 0")),
    ("change root", "change the root directory", _call("chroot", "b'/'")),
    ("bpf", "load a program into the kernel", _call("bpf", "0, buffer, 8")),
    (
        "performance events",
        "open performance events",
        _call("perf_event_open", "buffer, 0, -1, -1, 0"),
    ),
    ("io_uring", "use io_uring, which filters cannot see", _call("io_uring_setup", "1, buffer")),
    ("userfaultfd", "handle page faults of the kernel", _call("userfaultfd", "0x80000")),
    ("keys", "use the kernel's key store, which no namespace divides", _call("keyctl", "0, -3, 0")),
    (
        "file handles",
        "open files by handle, past every path",
        _call("open_by_handle_at", "-1, buffer, 0"),
    ),
    ("module", "load a kernel module", _call("finit_module", "-1, b'', 0")),
    ("clock", "set the clock", _call("clock_settime", "-1, buffer")),
    (
        "kernel settings",
        "name a program that the host runs as root when one crashes",
        _opened("/proc/sys/kernel/core_pattern"),
    ),
    ("system request", "restart the machine", _opened("/proc/sysrq-trigger")),
    ("root", "become root by setuid", said(python("tried(lambda: os.setuid(0) or 'is root')"))),
    (
        "set-uid programs",
        "gain rights by a set-uid program",
        said(_STATUS.format(field="NoNewPrivs", value="0", reason="they would work")),
    ),
    (
        "capabilities",
        "hold a capability",
        said(_STATUS.format(field="Cap(Eff|Prm|Bnd)", value="0*[1-9a-f][0-9a-f]*", reason="held")),
    ),
    (
        "filter",
        "make system calls that no filter sees",
        said(_STATUS.format(field="Seccomp", value="0", reason="no filter")),
    ),
)

SCRIPTED = FILES + PROCESSES + NETWORK + KERNEL
