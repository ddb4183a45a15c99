"""NAME.qcow2, the disk for QEMU and what is built upon it: the image without its zeroes.

Source: QEMU, docs/interop/qcow2.txt, version 3. Clusters of the file in this order: the header, the table of reference
counts and its blocks, the first table, the second tables, the data.
"""

from __future__ import annotations

import struct
from pathlib import Path

from bootwright.image.blocks import block_count, used_blocks, write_at

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
_ENTRIES = CLUSTER // 8  # of eight bytes in a cluster
_COUNTS = CLUSTER // 2  # reference counts in a cluster, of 16 bits
_COUNT_ORDER = 4  # 1 << 4 bits
_COPIED = 1 << 63  # an entry whose cluster has one reference
_HEADER = ">4sIQIIQIIQQIIQQQQII"
_HEADER_SIZE = struct.calcsize(_HEADER)


def write_qcow2(image: Path, out: Path) -> None:
    """Writes the raw image as the qcow2 file out."""
    size = image.stat().st_size
    clusters = block_count(size, CLUSTER)
    used = [number for number, _ in used_blocks(image, CLUSTER)]
    groups = sorted({number // _ENTRIES for number in used})
    first_entries = block_count(clusters, _ENTRIES)
    first_clusters = block_count(first_entries, _ENTRIES)
    rest = 2 + first_clusters + len(groups) + len(used)
    counts = 1
    while counts * _COUNTS < rest + counts:
        counts += 1
    first = 2 + counts  # after the header and the table of reference counts
    second = first + first_clusters
    data = second + len(groups)
    with out.open("wb") as stream:
        header = struct.pack(
            _HEADER, b"QFI\xfb", 3, 0, 0, CLUSTER_BITS, size, 0, first_entries, first * CLUSTER, CLUSTER, 1, 0, 0,
            0, 0, 0, _COUNT_ORDER, _HEADER_SIZE,
        )  # fmt: skip
        write_at(stream, 0, header)
        write_at(stream, CLUSTER, _table([(2 + n) * CLUSTER for n in range(counts)]))
        total = rest + counts
        write_at(stream, 2 * CLUSTER, struct.pack(f">{total}H", *[1] * total))
        firsts = [0] * first_entries
        seconds = {group: [0] * _ENTRIES for group in groups}
        for place, group in enumerate(groups):
            firsts[group] = (second + place) * CLUSTER | _COPIED
        for place, number in enumerate(used):
            seconds[number // _ENTRIES][number % _ENTRIES] = (data + place) * CLUSTER | _COPIED
        write_at(stream, first * CLUSTER, _table(firsts))
        for place, group in enumerate(groups):
            write_at(stream, (second + place) * CLUSTER, _table(seconds[group]))
        stream.truncate(data * CLUSTER)
        for place, (_, block) in enumerate(used_blocks(image, CLUSTER)):
            write_at(stream, (data + place) * CLUSTER, block)


def _table(entries: list[int]) -> bytes:
    return struct.pack(f">{len(entries)}Q", *entries)
