"""The message that says what an entry is: what protobuf itself makes of it, and what is none."""

from __future__ import annotations

import pytest

from bootwright.storage import action_result
from bootwright.storage.action_result import Promise


@pytest.mark.parametrize("at", [10, 40, 60, -1])
def test_a_message_that_is_cut_is_no_promise(at: int) -> None:
    message = action_result.encode(Promise("entry.tar.xz", "ab" * 32, 1234567))
    assert action_result.decode(message) == Promise("entry.tar.xz", "ab" * 32, 1234567)
    with pytest.raises(ValueError, match=r"."):
        action_result.decode(message[:at])


def test_protobufs_own_library_reads_what_is_put_and_writes_what_is_read() -> None:
    """The fields are those of build.bazel.remote.execution.v2 in the Remote Execution API, by their numbers there."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    text, whole, boolean, message = 9, 3, 8, 11  # FieldDescriptorProto.Type
    file = descriptor_pb2.FileDescriptorProto(name="api", package="api", syntax="proto3")
    fields: dict[str, list[tuple[str, int, int | str]]] = {
        "Digest": [("hash", 1, text), ("size_bytes", 2, whole)],
        "OutputFile": [("path", 1, text), ("digest", 2, "Digest"), ("is_executable", 4, boolean)],
        "ActionResult": [("output_files", 2, "OutputFile"), ("exit_code", 4, 5), ("stdout_raw", 5, 12)],
    }
    for name, rows in fields.items():
        made = file.message_type.add(name=name)
        for field, number, kind in rows:
            of: dict[str, object] = {"type": kind}
            if isinstance(kind, str):
                of = {"type": message, "type_name": f".api.{kind}"}
            made.field.add(name=field, number=number, label=3 if field == "output_files" else 1, **of)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    kinds = {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"api.{name}")) for name in fields}
    promise = Promise("entry.tar.xz", "ab" * 32, 1 << 40)
    (output,) = kinds["ActionResult"].FromString(action_result.encode(promise)).output_files
    assert (output.path, output.digest.hash, output.digest.size_bytes) == (promise.path, promise.sha256, promise.size)
    theirs = kinds["ActionResult"](exit_code=1, stdout_raw=b"said")
    theirs.output_files.add(path="a", digest=kinds["Digest"](hash="cd" * 32, size_bytes=0), is_executable=True)
    assert action_result.decode(theirs.SerializeToString()) == Promise("a", "cd" * 32, 0)


def test_other_fields_of_a_message_are_passed_over() -> None:
    """exit_code = 0 and stdout_raw, as other clients write them, and a flag of the file."""
    message = action_result.encode(Promise("entry.tar.xz", "ab" * 32, 7))
    assert action_result.decode(b"\x20\x00" + message + b"\x2a\x02hi").size == 7
