"""The variable store of EDK2's firmware for QEMU, with the keys of Secure Boot in it.

Source: edk2, MdeModulePkg/Include/Guid/VariableFormat.h (authenticated variables); UEFI 2.10, chapter 32.4, for the
lists of signatures.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError

_GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
_SECURITY_DATABASE = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
_SECURE_BOOT_ENABLE = uuid.UUID("f0a30bc7-af08-4556-99c4-001009c93a44")
_AUTHENTICATED_STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792")
_X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
OWNER = uuid.UUID("b007d15c-6b65-4e72-9e6c-b007d15c0002")  # of the signatures that bootwright enrols

_KEPT, _OF_BOOT, _OF_RUN, _SIGNED_BY_TIME = 1, 2, 4, 0x20
_FV_SIGNATURE, _FV_SIGNATURE_AT, _FV_HEADER_SIZE_AT = b"_FVH", 40, 48
_STORE = struct.Struct("<16sIBB6x")
_VARIABLE = struct.Struct("<HBxIQ16sIII16s")
_START, _ADDED = 0x55AA, 0x3F


def write_store(template: Path, certificates: Mapping[str, Sequence[bytes]]) -> bytes:
    """Returns the store template with Secure Boot on; certificates has those of PK, KEK and db, as DER.

    Raises BootwrightError for a template that is no such store, or has no room.
    """
    data = bytearray(template.read_bytes())
    if data[_FV_SIGNATURE_AT : _FV_SIGNATURE_AT + 4] != _FV_SIGNATURE:
        raise BootwrightError(f"{template} is no store of a firmware's variables")
    (start,) = struct.unpack_from("<H", data, _FV_HEADER_SIZE_AT)
    kind, size, _, _ = _STORE.unpack_from(data, start)
    if kind != _AUTHENTICATED_STORE.bytes_le:
        raise BootwrightError(f"{template} has no room for the keys of Secure Boot")
    at = _end_of_variables(data, start + _STORE.size)
    for variable in _variables(certificates):
        if at + len(variable) > start + size:
            raise BootwrightError(f"{template} has {start + size - at} bytes left; the keys take {len(variable)}")
        data[at : at + len(variable)] = variable
        at += len(variable)
    return bytes(data)


def _end_of_variables(data: bytes | bytearray, at: int) -> int:
    while struct.unpack_from("<H", data, at)[0] == _START:
        *_, name_size, data_size, _ = _VARIABLE.unpack_from(data, at)
        at += _VARIABLE.size + name_size + data_size
        at += -at % 4
    return at


def _variables(certificates: Mapping[str, Sequence[bytes]]) -> list[bytes]:
    keys = _KEPT | _OF_BOOT | _OF_RUN | _SIGNED_BY_TIME
    made = []
    for name, of in (("db", _SECURITY_DATABASE), ("KEK", _GLOBAL), ("PK", _GLOBAL)):
        lists = b"".join(_signature_list(der) for der in certificates[name])
        made.append(_variable(name, of, keys, lists))
    return [*made, _variable("SecureBootEnable", _SECURE_BOOT_ENABLE, _KEPT | _OF_BOOT, b"\1")]


def _signature_list(der: bytes) -> bytes:
    """Returns an EFI_SIGNATURE_LIST of one certificate."""
    size = 16 + len(der)
    return struct.pack("<16sIII", _X509.bytes_le, 28 + size, 0, size) + OWNER.bytes_le + der


def _variable(name: str, of: uuid.UUID, attributes: int, data: bytes) -> bytes:
    """Returns a variable that is there, filled up to whole doublewords; the time of its signature is zero."""
    text = f"{name}\0".encode("utf-16-le")
    head = _VARIABLE.pack(_START, _ADDED, attributes, 0, bytes(16), 0, len(text), len(data), of.bytes_le)
    whole = head + text + data
    return whole + b"\xff" * (-len(whole) % 4)
