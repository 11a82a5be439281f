"""Kernels of `apl_core.stream`; for the rules, see `apl_core.kernels`."""

from __future__ import annotations

import numpy as np

from apl_core.kernels import B1, F64, I32, I64, U8, U32, _compiled


@_compiled
def sift(
    origin: I32,
    destination: I32,
    minutes: F64,
    within: float,
    before: I64,
    own: B1,
    paired: B1,
    present: B1,
    out_origin: I32,
    out_destination: I32,
    out_minutes: F64,
) -> np.int64:
    """One pass over rows: those within reach, and how many; who has a self pair, is a destination,
    is an origin; before[:2] = the pair of the last row (and of the one before the first), before[2]
    = 1 where a row does not come strictly after the one before it. A row is written and then
    overwritten unless it is kept: no branch to mispredict."""
    k = np.int64(0)
    before_i = before[0]
    before_j = before[1]
    for p in range(origin.size):
        i = np.int64(origin[p])
        j = np.int64(destination[p])
        paired[j] = True
        if i == j:
            own[i] = True
        if i != before_i:
            present[i] = True
            if i < before_i:
                before[2] = 1
        elif j <= before_j:
            before[2] = 1
        before_i = i
        before_j = j
        out_origin[k] = i
        out_destination[k] = j
        out_minutes[k] = minutes[p]
        k += np.int64(minutes[p] <= within)
    before[0] = before_i
    before[1] = before_j
    return k


@_compiled
def mark(origin: I32, destination: I32, line: I32, width: int, bits: U8, again: B1) -> np.int64:
    """Mark pairs in lines of ``width`` bytes, a bit a destination; line[origin] < 0: not looked at.
    again[p] = the pair was marked before; how many are."""
    many = np.int64(0)
    for p in range(origin.size):
        at = np.int64(line[origin[p]])
        if at >= 0:
            j = np.int64(destination[p])
            at = at * width + (j >> 3)
            held = np.int64(bits[at])
            bit = np.int64(1) << (j & 7)
            if held & bit != 0:
                again[p] = True
                many += 1
            bits[at] = held | bit
    return many


@_compiled
def hash_keys(keys: I64, slot: I64) -> None:
    """The slot of each key (a word of at most five bytes, the first the lowest) and its place, in
    one number: at its hash, or the next that is free (-1; a power of two of them)."""
    room = slot.size - 1
    for k in range(keys.size):
        h = (keys[k] * 7368787 >> 23) & room
        while slot[h] >= 0:
            h = (h + 1) & room
        slot[h] = keys[k] | (np.int64(k) << 40)


@_compiled
def plain_lines(
    data: U8,
    word: U32,
    size: int,
    role: U8,
    separator: int,
    length: int,
    slot: I64,
    ends: I32,
    mantissa: I64,
    decimals: U8,
) -> np.int64:
    """Lines of cells, told by their role: 0 an origin and 1 a destination, words of ``length``
    bytes (see `hash_keys`); 2 a number (its digits as one whole number, and how many stand behind
    the point); 3 set aside. How many lines there are; -1 where one is not plain: quotes, a word
    that is not known, a sign, an exponent, over 15 digits, another number of cells, an empty line.

    ``data`` ends with a line at ``size``, and has eight bytes more; ``word`` is the same in fours.
    Words are taken whole: by bytes, it takes thrice as long.
    """
    room = slot.size - 1
    mask = (np.int64(1) << (8 * length)) - 1
    at = np.int64(0)
    row = np.int64(0)
    while at < size and row < mantissa.size:
        for c in range(role.size):
            if role[c] < 2:
                both = np.uint64(word[at >> 2]) | (np.uint64(word[(at >> 2) + 1]) << np.uint64(32))
                key = np.int64(both >> np.uint64((at & 3) << 3)) & mask
                at += length
                h = (key * 7368787 >> 23) & room
                found = slot[h]
                while found & mask != key and found >= 0:
                    h = (h + 1) & room
                    found = slot[h]
                if found < 0:
                    return np.int64(-1)
                ends[np.int64(role[c]), row] = found >> 40
            elif role[c] == 2:
                begin = at
                value = np.int64(0)
                point = np.int64(-1)
                byte = np.int64(data[at])
                while (byte >= 48 and byte <= 57) or (byte == 46 and point < 0):
                    if byte == 46:
                        point = at
                    else:
                        value = 10 * value + (byte - 48)
                    at += 1
                    byte = np.int64(data[at])
                if at == begin or point == begin or at - begin > 15:
                    return np.int64(-1)
                mantissa[row] = value
                decimals[row] = at - point - 1 if point >= 0 else 0
            else:
                while data[at] != separator and data[at] != 10 and data[at] != 13:
                    if data[at] == 34:
                        return np.int64(-1)
                    at += 1
            last = c == role.size - 1
            if last and data[at] == 13:
                at += 1
            if data[at] != (10 if last else separator):
                return np.int64(-1)
            at += 1
        row += 1
    return row if at >= size else np.int64(-1)
