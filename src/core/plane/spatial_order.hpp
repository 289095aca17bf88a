// The order in which seeds are inserted: random rounds of growing size, each along a Hilbert curve (N. Amenta, S. Choi,
// G. Rote, "Incremental constructions con BRIO", SoCG 2003). Rounds keep the expected work n log n for every input, the
// curve keeps neighbours in the order near each other in memory and the walks short.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "plane/predicates.hpp"

namespace diracs {

constexpr int kHilbertBits = 16;

// Position along the Hilbert curve of the cell (x, y) of a 2^16 × 2^16 lattice, one pair of bits at a time: each
// quadrant is the curve again, transposed in the first quarter and transposed about the other diagonal in the last (D.
// Hilbert 1891).
inline std::uint32_t hilbert_index(std::uint32_t x, std::uint32_t y) {
    std::uint32_t index = 0;
    for (std::uint32_t s = 1u << (kHilbertBits - 1); s > 0; s >>= 1) {
        const std::uint32_t right = (x & s) != 0, up = (y & s) != 0;
        index = (index << 2) | ((3 * right) ^ up);
        if (up == 0) {
            if (right == 1) {
                x = ~x;
                y = ~y;
            }
            std::swap(x, y);
        }
    }
    return index;
}

// The place of each seed in a fixed pseudorandom order (the finalizer of MurmurHash3): the same for the same input.
inline std::uint64_t scramble(std::uint64_t k) {
    k = (k ^ (k >> 33)) * 0xff51afd7ed558ccdULL;
    k = (k ^ (k >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return k ^ (k >> 33);
}

// Sorts keys by their upper 32 bits.
inline void radix_sort(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& buffer) {
    constexpr int kBits = 11;
    buffer.resize(keys.size());
    for (int shift = 32; shift < 64; shift += kBits) {
        std::vector<std::size_t> start((1u << kBits) + 1, 0);
        const std::uint64_t mask = (1u << kBits) - 1;
        poll_interrupt();
        for (const std::uint64_t key : keys) ++start[((key >> shift) & mask) + 1];
        for (std::size_t b = 1; b < start.size(); ++b) start[b] += start[b - 1];
        for (const std::uint64_t key : keys) buffer[start[(key >> shift) & mask]++] = key;
        keys.swap(buffer);
    }
}

// Sorts the indices [first, last) of seeds along a Hilbert curve of their bounding box. Runs that share a cell of the
// lattice are sorted in turn on their own box; equal positions become adjacent.
inline void hilbert_sort(const std::vector<Seed>& seeds, int* first, int* last) {
    const auto lexicographic = [&seeds](int i, int j) {
        const Seed &a = seeds[i], &b = seeds[j];
        if (a.x != b.x) return a.x < b.x;
        if (a.y != b.y) return a.y < b.y;
        return i < j;
    };
    const std::size_t n = static_cast<std::size_t>(last - first);
    if (n < 2) return;
    double x0 = seeds[*first].x, x1 = x0, y0 = seeds[*first].y, y1 = y0;
    for (const int* i = first; i != last; ++i) {
        x0 = std::min(x0, seeds[*i].x);
        x1 = std::max(x1, seeds[*i].x);
        y0 = std::min(y0, seeds[*i].y);
        y1 = std::max(y1, seeds[*i].y);
    }
    if (n <= 16 || (x0 == x1 && y0 == y1)) {
        std::sort(first, last, lexicographic);
        return;
    }
    const double cells = static_cast<double>((1u << kHilbertBits) - 1);
    const double side = std::max(x1 - x0, y1 - y0);
    std::vector<std::uint64_t> keys(n), buffer;
    for (std::size_t k = 0; k < n; ++k) {
        if (k % 65536 == 0) poll_interrupt();
        const Seed& s = seeds[first[k]];
        const auto ix = static_cast<std::uint32_t>((s.x - x0) / side * cells);
        const auto iy = static_cast<std::uint32_t>((s.y - y0) / side * cells);
        keys[k] = static_cast<std::uint64_t>(hilbert_index(ix, iy)) << 32 | static_cast<std::uint32_t>(first[k]);
    }
    radix_sort(keys, buffer);
    for (std::size_t k = 0; k < n; ++k) first[k] = static_cast<int>(keys[k] & 0xffffffffu);
    for (std::size_t k = 0; k < n;) {
        std::size_t end = k + 1;
        while (end < n && keys[end] >> 32 == keys[k] >> 32) ++end;
        hilbert_sort(seeds, first + k, first + end);
        k = end;
    }
}

}  // namespace diracs
