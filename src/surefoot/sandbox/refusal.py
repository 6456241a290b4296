"""Why this machine refuses isolation, and what to type. Reads the machine, changes nothing."""

import os
from pathlib import Path

from surefoot.sandbox.launch import bwrap

_INSTALLERS = {
    "apt-get": "apt-get install bubblewrap",
    "dnf": "dnf install bubblewrap",
    "pacman": "pacman -S bubblewrap",
    "apk": "apk add bubblewrap",
    "zypper": "zypper install bubblewrap",
}
_SYSCTLS = {
    "kernel/unprivileged_userns_clone": ("0", "kernel.unprivileged_userns_clone=1"),
    "user/max_user_namespaces": ("0", "user.max_user_namespaces=15000"),
    "kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "kernel.apparmor_restrict_unprivileged_userns=0",
    ),
}
_CONTAINER = (
    "start the container with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    " --security-opt systempaths=unconfined`"
)


def in_container() -> bool:
    """True inside Docker, Podman or a container that says so to its processes."""
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    named = "container" in os.environ or "KUBERNETES_SERVICE_HOST" in os.environ
    return named or any(mark.exists() for mark in marks)


def missing() -> str | None:
    """The sentence where bubblewrap is not installed; None where it is."""
    if bwrap.find() is not None:
        return None
    for program, command in _INSTALLERS.items():
        if any(os.access(f"{folder}/{program}", os.X_OK) for folder in bwrap.PATH.split(":")):
            return f"bubblewrap is not installed; type `{command}` as root"
    return "bubblewrap is not installed; install the package `bubblewrap` of your distribution"


def sysctl(root: Path = Path("/proc/sys")) -> str | None:
    """The sentence where a kernel setting forbids user namespaces; None where none does."""
    for name, (refusing, remedy) in _SYSCTLS.items():
        path = root / name
        if path.exists() and path.read_text().strip() == refusing:
            setting = name.replace("/", ".")
            return f"{setting} is {refusing}, which forbids it; type `sysctl -w {remedy}` as root"
    return None


def explain(*errors: str) -> str:
    """One sentence: the cause as far as it can be told, what to type, and the way without."""
    told = "; ".join(dict.fromkeys(errors))
    cause = missing() or sysctl()
    if cause is None and in_container():
        cause = f"this container forbids namespaces or mounts ({told}); {_CONTAINER}"
    if cause is None:
        cause = f"this machine refuses it ({told}); ask its owner to allow user namespaces"
    return f"no sandbox here: {cause}, or choose the driver `local`, which isolates nothing"
