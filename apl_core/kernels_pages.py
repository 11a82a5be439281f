"""Compiled code for Parquet: the pages of a column chunk (see `apl_core.chunks`).

Bytes may be hostile: every read is held against the end, and -1 says "not understood".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from apl_core.kernels import I32, I64, U8, U32, _compiled


@_compiled
def page_table(data: U8, field: I64, page: I64) -> int:
    """Walk the page headers of a chunk (Thrift, compact); how many there are.

    page[k] = where the page's bytes begin, then fields 1 to 4 of its header, then fields 1 to 4 of
    the header inside it (of a data page or a dictionary). ``field`` is room for 3 numbers.
    """
    at = np.int64(0)
    k = 0
    while at < data.size and k < page.shape[0]:
        depth = 0
        field[0] = 0
        while depth >= 0:
            if at >= data.size:
                return -1
            byte = np.int64(data[at])
            at += 1
            kind = byte & 15
            if byte == 0:  # the end of a structure
                depth -= 1
                continue
            if byte < 16 or kind == 3 or kind == 4 or kind == 7 or (kind > 8 and kind != 12):
                return -1
            field[depth] += byte >> 4
            if kind == 12:  # a structure
                depth += 1
                if depth > 2:
                    return -1
                field[depth] = 0
            elif kind > 2:  # a whole number, or the length of a text; yes and no have no body
                value = np.int64(0)
                shift = 0
                while byte >= 128 or shift == 0:
                    if at >= data.size or shift > 28:
                        return -1
                    byte = np.int64(data[at])
                    at += 1
                    value |= (byte & 127) << shift
                    shift += 7
                if kind == 8:
                    at += value
                elif depth < 2 and field[depth] < 5:
                    page[k, 4 * depth + field[depth]] = (value >> 1) ^ -(value & 1)
        if page[k, 3] < 0 or page[k, 3] > data.size - at:
            return -1
        page[k, 0] = at
        at += page[k, 3]
        k += 1
    return k if at == data.size else -1


@_compiled
def hash_words(text: U8, offset: I32, slot: I32) -> None:
    """The slot of each word: at its hash, or the next that is free (-1; a power of two of them,
    more than there are words)."""
    mask = slot.size - 1
    for k in range(offset.size - 1):
        h = np.int64(0)
        for b in range(offset[k], offset[k + 1]):
            h = (31 * h + text[b]) & 0xFFFFFFFF
        h = (h ^ (h >> 15)) & mask
        while slot[h] >= 0:
            h = (h + 1) & mask
        slot[h] = k


@_compiled
def known_words(data: U8, text: U8, offset: I32, slot: I32, out: I32) -> int:
    """out = which word (see `hash_words`) each word of a dictionary page is; how many come before
    the first that is none of them, -1 if the page is malformed."""
    mask = slot.size - 1
    at = np.int64(0)
    w = np.int64(-1)
    for k in range(out.size):
        if data.size - at < 4:
            return -1
        length = np.int64(0)
        for b in range(4):
            length |= np.int64(data[at + b]) << (8 * b)
        at += 4
        if length > data.size - at:
            return -1
        w = (w + 1) & mask  # the next word: most often it is, in a file that is in order
        h = np.int64(-1)
        while True:
            if w < offset.size - 1:
                begin = offset[w]
                alike = np.int64(0) if offset[w + 1] - begin == length else length + 1
                while alike < length and text[begin + alike] == data[at + alike]:
                    alike += 1
                if alike == length:
                    break
            if h >= 0:
                h = (h + 1) & mask
            else:
                h = np.int64(0)
                for b in range(at, at + length):
                    h = (31 * h + data[b]) & 0xFFFFFFFF
                h = (h ^ (h >> 15)) & mask
            w = np.int64(slot[h])
            if w < 0:
                return k
        out[k] = w
        at += length
    return out.size if at == data.size else -1


@_compiled
def plain_words(data: U8, offset: I32, text: U8) -> int:
    """The words of a dictionary page as Arrow holds them; 0, or -1 if it is malformed."""
    at = np.int64(0)
    size = np.int64(0)
    for k in range(offset.size - 1):
        if data.size - at < 4:
            return -1
        length = np.int64(0)
        for b in range(4):
            length |= np.int64(data[at + b]) << (8 * b)
        at += 4
        if length > data.size - at:
            return -1
        for b in range(length):
            text[size + b] = data[at + b]
        at += length
        size += length
        offset[k + 1] = size
    return 0 if at == data.size else -1


@_compiled
def behind_levels(data: U8, page: I64) -> int:
    """Let pages begin behind their definition levels, where these are one run of ones, as long as
    the page (no null); 0, or -1 if some are not. page[k] as in `unpack`."""
    for k in range(page.shape[0]):
        at = page[k, 0]
        if page[k, 1] - at < 6:
            return -1
        size = np.int64(0)  # of the run: its length in sevens of bits, and a byte of value 1
        for b in range(4):
            size |= np.int64(data[at + b]) << (8 * b)
        at += 4
        if size < 2 or size > 6 or size > page[k, 1] - at:
            return -1
        head = np.int64(0)
        for b in range(size - 1):
            byte = np.int64(data[at + b])
            head |= (byte & 127) << (7 * b)
            if (byte >= 128) != (b < size - 2):
                return -1
        at += size
        if head != 2 * page[k, 2] or data[at - 1] != 1:
            return -1
        page[k, 0] = at
    return 0


@_compiled
def unpack(data: U8, word: U32, page: I64, values: Any, words: int, out: Any) -> int:
    """out = values[index], of pages of indices (runs, and bit-packed groups of eight); 0, or -1.

    ``word`` is ``data`` in fours, with room for one more; page[k] = begin, end, how many values.
    ``values`` has a power of two of places, the first ``words`` of which an index may name: it is
    cut to the size of ``values`` and looked at in the end, so that the inner loop has no branch.
    Unsigned, since a signed index may count from the end: half of the time.
    """
    done = np.int64(0)
    most = np.uint64(0)
    room = np.uint64(values.size - 1)
    for k in range(page.shape[0]):
        at = page[k, 0]
        end = page[k, 1]
        stop = done + page[k, 2]
        if stop > out.size:
            return -1
        if at >= end:
            return -1
        width = np.int64(data[at])
        at += 1
        if width > 31:
            return -1
        step = np.uint64(width)
        mask = (np.uint64(1) << step) - np.uint64(1)
        while done < stop:
            head = np.int64(0)
            shift = 0
            byte = np.int64(128)
            while byte >= 128:
                if at >= end or shift > 28:
                    return -1
                byte = np.int64(data[at])
                at += 1
                head |= (byte & 127) << shift
                shift += 7
            count = head >> 1
            size = count * width if head & 1 else (width + 7) >> 3
            if size > end - at:
                return -1
            many = 8 * count if head & 1 else count
            if many > stop - done:  # the last group is filled up
                many = stop - done
            bit = np.uint64(8 * at)
            at += size
            if head & 1:
                for p in range(done, done + many):
                    i = bit >> np.uint64(5)
                    both = np.uint64(word[i]) | (np.uint64(word[i + np.uint64(1)]) << np.uint64(32))
                    index = (both >> (bit & np.uint64(31))) & mask
                    if index > most:
                        most = index
                    out[np.uint64(p)] = values[index & room]
                    bit += step
            else:  # a run of one index
                i = bit >> np.uint64(5)
                both = np.uint64(word[i]) | (np.uint64(word[i + np.uint64(1)]) << np.uint64(32))
                index = (both >> (bit & np.uint64(31))) & mask
                if index > most:
                    most = index
                value = values[index & room]
                for p in range(done, done + many):
                    out[p] = value
            done += many
        if at != end:  # it is something else: the levels of a column that says that it has none
            return -1
    return 0 if done == out.size and most < words else -1
