"""The first process of the tests' guest: loads modules, starts udev, and runs what comes as lines of JSON on ttyS1."""

import ctypes
import json
import os
import subprocess
import sys
import tty
from pathlib import Path

FINIT_MODULE = {"x86_64": 313}
DESKTOP = 'SUBSYSTEM=="block", KERNEL=="sd*", ENV{ID_FS_USAGE}=="filesystem", RUN+="/desktop-mount %k"'
DESKTOP_MOUNT = """#!/bin/sh
/bin/mkdir -p "/media/$1" && /bin/mount "/dev/$1" "/media/$1"
"""
libc = ctypes.CDLL(None, use_errno=True)


def mount(kind: str, place: str) -> None:
    """Mounts one of the kernel's own file systems."""
    Path(place).mkdir(exist_ok=True)
    if libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None):
        print(f"init: {kind} at {place}: {os.strerror(ctypes.get_errno())}", flush=True)


def set_up() -> None:
    """Makes a system that udev is content with."""
    os.environ["PATH"] = "/bin"
    for kind, place in (
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tmpfs", "/run"),
        ("tmpfs", "/tmp"),
    ):
        mount(kind, place)
    for link, target in (("/sbin", "bin"), ("/usr/sbin", "../bin"), ("/usr/bin", "../bin")):
        if not Path(link).exists():
            Path(link).symlink_to(target)
    Path("/etc/udev/rules.d").mkdir(parents=True, exist_ok=True)
    Path("/etc/udev/rules.d/99-desktop.rules").write_text(f"{DESKTOP}\n")
    Path("/desktop-mount").write_text(DESKTOP_MOUNT)
    Path("/desktop-mount").chmod(0o755)
    for name in Path("/modules/order").read_text().split():
        descriptor = os.open(f"/modules/{name}.ko", os.O_RDONLY)
        if libc.syscall(FINIT_MODULE[os.uname().machine], descriptor, b"", 0):
            print(f"init: {name}: {os.strerror(ctypes.get_errno())}", flush=True)
        os.close(descriptor)
    Path("/proc/sys/kernel/printk").write_text("4\n")
    if Path("/bin/systemd-udevd").exists():
        daemon = ["/bin/systemd-udevd", "--daemon"]
    else:
        Path("/bin/systemd-udevd").symlink_to("udevadm")
        daemon = ["/bin/systemd-udevd", "--daemon"]
    subprocess.run(daemon, check=False)
    subprocess.run(["/bin/udevadm", "trigger"], check=False)
    subprocess.run(["/bin/udevadm", "settle"], check=False)


def serve() -> None:
    """Runs commands until the machine ends."""
    port = os.open("/dev/ttyS1", os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port)
    running: dict[int, subprocess.Popen[bytes]] = {}
    os.write(port, b"ready\n")
    line = b""
    while True:
        line += os.read(port, 1)
        if not line.endswith(b"\n"):
            continue
        order, line = json.loads(line), b""
        if "poll" in order:
            process = running[order["poll"]]
            status = process.poll()
            answer = {"status": status, "said": Path(f"/run/said-{process.pid}").read_text(errors="replace")}
        else:
            with Path("/run/out").open("wb") as out:
                argv, nothing = order["argv"], subprocess.DEVNULL
                process = subprocess.Popen(argv, stdin=nothing, stdout=out, stderr=subprocess.STDOUT)
            Path("/run/out").rename(f"/run/said-{process.pid}")
            if order.get("background"):
                running[process.pid] = process
                answer = {"pid": process.pid}
            else:
                answer = {
                    "status": process.wait(),
                    "said": Path(f"/run/said-{process.pid}").read_text(errors="replace"),
                }
        data = json.dumps(answer).encode() + b"\n"
        while data:
            data = data[os.write(port, data) :]


print(f"init: {sys.version}", flush=True)
set_up()
serve()
