"""On which systems each dependency is installed without a compiler, for ``make newest``.

    python -m release.wheels

The newest versions that ``pyproject.toml`` admits are looked up with uv. For every supported
Python and system, a required package must have a wheel; what only an extra needs may be missing,
and is printed. The exit status is 1 if a required package has no wheel.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

PYTHONS: Final = ((3, 11), (3, 12), (3, 13), (3, 14))

PURE: Final = frozenset(("jieba", "pyyaml"))
"""Packages that pip builds without a compiler: what they have in C is optional, if anything."""


class System(NamedTuple):
    """A system, as markers and wheels name it."""

    name: str
    sys_platform: str
    machine: str
    platforms: tuple[str, ...]


def _linux(machine: str) -> tuple[str, ...]:
    return (*(f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)), f"linux_{machine}")


def _musl(machine: str) -> tuple[str, ...]:
    return f"musllinux_1_2_{machine}", f"musllinux_1_1_{machine}"


def _mac(machine: str) -> tuple[str, ...]:
    return tuple(mac_platforms((12, 0), machine))


SYSTEMS: Final = (
    System("Linux, glibc 2.28, x86-64", "linux", "x86_64", _linux("x86_64")),
    System("Linux, glibc 2.28, arm64", "linux", "aarch64", _linux("aarch64")),
    System("Linux, musl 1.2, x86-64", "linux", "x86_64", _musl("x86_64")),
    System("Linux, musl 1.2, arm64", "linux", "aarch64", _musl("aarch64")),
    System("macOS 12, x86-64", "darwin", "x86_64", _mac("x86_64")),
    System("macOS 12, arm64", "darwin", "arm64", _mac("arm64")),
    System("Windows, x86-64", "win32", "AMD64", ("win_amd64",)),
    System("Windows, arm64", "win32", "ARM64", ("win_arm64",)),
)


def _tags(system: System, python: tuple[int, int]) -> frozenset[Tag]:
    own = cpython_tags(python, platforms=list(system.platforms))
    pure = compatible_tags(python, platforms=list(system.platforms))
    return frozenset((*own, *pure))


def _environment(system: System, python: tuple[int, int]) -> dict[str, str]:
    version = ".".join(map(str, python))
    return {
        "implementation_name": "cpython",
        "os_name": "nt" if system.sys_platform == "win32" else "posix",
        "platform_machine": system.machine,
        "platform_python_implementation": "CPython",
        "platform_system": {"win32": "Windows", "darwin": "Darwin"}.get(
            system.sys_platform, "Linux"
        ),
        "python_full_version": f"{version}.9",
        "python_version": version,
        "sys_platform": system.sys_platform,
    }


def _packages(*options: str) -> list[dict[str, Any]]:
    """Return the newest packages, as a lock file describes them."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder, "pylock.toml")
        subprocess.run(  # noqa: S603 - no input from outside
            [
                *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
                *("--format", "pylock.toml", "--output-file", str(lock), *options),
                "pyproject.toml",
            ],
            check=True,
        )
        found: list[dict[str, Any]] = tomllib.loads(lock.read_text("utf-8"))["packages"]
    return found


def _wheel_tags(package: Mapping[str, Any]) -> frozenset[Tag]:
    names = (
        wheel.get("name") or wheel["url"].rpartition("/")[2] for wheel in package.get("wheels", ())
    )
    return frozenset(tag for name in names for tag in parse_wheel_filename(name)[3])


def missing_wheels(packages: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield package, system and Python wherever there is no wheel."""
    for package in packages:
        tags = _wheel_tags(package)
        marker = Marker(package["marker"]) if "marker" in package else None
        for system in SYSTEMS:
            for python in PYTHONS:
                wanted = marker is None or marker.evaluate(_environment(system, python))
                if wanted and package["name"] not in PURE and not tags & _tags(system, python):
                    yield package["name"], system.name, ".".join(map(str, python))


def main() -> int:
    """Print where wheels are missing, and return the exit status."""
    required = _packages()
    extras = _packages("--all-extras")
    missing = sorted(missing_wheels(required))
    for name, system, python in missing:
        print(f"missing: {name} on {system}, Python {python}")
    known = {package["name"] for package in required}
    optional: dict[tuple[str, str], list[str]] = {}
    for name, system, python in missing_wheels(extras):
        if name not in known:
            optional.setdefault((name, system), []).append(python)
    for (name, system), pythons in sorted(optional.items()):
        print(f"of an extra: {name} on {system}, Python {', '.join(pythons)}")
    count = len(SYSTEMS) * len(PYTHONS)
    print(f"{len(required)} required packages, {count} systems: {len(missing)} wheels are missing")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
