"""Sentences name the program that the reader has."""

from __future__ import annotations

import pytest

from bootwright.base import called

SENTENCES = {
    "run scons again": "run bootwright again",
    "`scons usb` lists the disks": "`bootwright usb` lists the disks",
    "./sconsw gdb installs it, or says how": "bootwright gdb installs it, or says how",
    "say `./sconsw`.": "say `bootwright`.",
    "start sconsw again; it goes on": "start bootwright again; it goes on",
    "then run scons.": "then run bootwright.",
    "/opt/scons/a and site_scons and SCons 4.11 and sconsw.py stay": (
        "/opt/scons/a and site_scons and SCons 4.11 and sconsw.py stay"
    ),
}


@pytest.mark.parametrize(("text", "installed"), SENTENCES.items())
def test_where_bootwright_is_installed_its_own_name_is_said(
    text: str, installed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert called.as_called(text) == text
    monkeypatch.setattr(called, "INSTALLED", True)
    monkeypatch.setattr(called, "PROGRAM", "bootwright")
    assert called.as_called(text) == installed
