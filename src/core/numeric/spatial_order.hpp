// Points in space of any dimension along a Hilbert curve (D. Hilbert 1891), which keeps neighbours in the order near each
// other in memory, and pseudorandom numbers for random rounds of such orders.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "numeric/parallel.hpp"

namespace diracs {

// Indices along the curve have 32 bits, at most 16 for each axis; axes beyond the 32nd have none.
constexpr int kHilbertAxes = 32;
inline int hilbert_bits(int width) { return std::min(16, 32 / std::min(width, kHilbertAxes)); }

// Position along the Hilbert curve of the cell (x, y) of a 2^16 × 2^16 lattice, one pair of bits at a time: each
// quadrant is the curve again, transposed in the first quarter and transposed about the other diagonal in the last.
inline std::uint32_t hilbert_index(std::uint32_t x, std::uint32_t y) {
    std::uint32_t index = 0;
    for (std::uint32_t s = 1u << 15; s > 0; s >>= 1) {
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

// The same in `width` dimensions, 1 to 32, on a lattice of 2^hilbert_bits(width) cells along each axis: every orthant
// holds the curve again, mirrored and with its axes rotated (C. Hamilton, "Compact Hilbert indices", 2006).
inline std::uint32_t hilbert_index(const std::uint32_t* place, int width) {
    const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
    const auto left = [&](std::uint64_t label, int by) { return ((label << by) | (label >> (width - by))) & mask; };
    std::uint64_t index = 0, entry = 0;  // `entry`: the corner where the curve comes in
    int turn = 0;                        // of the axes
    for (int bit = hilbert_bits(width) - 1; bit >= 0; --bit) {
        std::uint64_t label = 0;
        for (int a = 0; a < width; ++a) label = label << 1 | (place[a] >> bit & 1);
        std::uint64_t orthant = left(label ^ entry, (width - turn) % width);
        for (int by = 1; by < width; by *= 2) orthant ^= orthant >> by;  // Gray's code to its number
        index = index << width | orthant;
        if (orthant > 0) {
            const std::uint64_t even = (orthant - 1) & ~std::uint64_t{1};
            entry ^= left(even ^ even >> 1, turn);
            for (std::uint64_t odd = (orthant - 1) | 1; odd & 1; odd >>= 1) ++turn;
        }
        turn = (turn + 1) % width;
    }
    return static_cast<std::uint32_t>(index);
}

// The place of each seed in a fixed pseudorandom order (the finalizer of MurmurHash3): the same for the same input.
inline std::uint64_t scramble(std::uint64_t k) {
    k = (k ^ (k >> 33)) * 0xff51afd7ed558ccdULL;
    k = (k ^ (k >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return k ^ (k >> 33);
}

// Sorts keys by their upper 32 bits; equal ones keep their order. Ranges are counted and moved side by side.
inline void radix_sort(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& buffer, int threads) {
    constexpr int kBits = 11;
    constexpr std::size_t kDigits = std::size_t{1} << kBits, kKeysPerRange = 65536;
    buffer.resize(keys.size());
    std::vector<std::size_t> place((keys.size() + kKeysPerRange - 1) / kKeysPerRange * kDigits);
    for (int shift = 32; shift < 64; shift += kBits) {
        const auto digit = [shift](std::uint64_t key) { return static_cast<std::size_t>(key >> shift) % kDigits; };
        std::fill(place.begin(), place.end(), 0);
        parallel_for(keys.size(), kKeysPerRange, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                std::size_t* const count = place.data() + begin / kKeysPerRange * kDigits;
                for (std::size_t k = begin; k < end; ++k) ++count[digit(keys[k])];
            };
        });
        std::size_t total = 0;
        for (std::size_t d = 0; d < kDigits; ++d) {
            for (std::size_t at = d; at < place.size(); at += kDigits) total += std::exchange(place[at], total);
        }
        parallel_for(keys.size(), kKeysPerRange, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                std::size_t* const next = place.data() + begin / kKeysPerRange * kDigits;
                for (std::size_t k = begin; k < end; ++k) buffer[next[digit(keys[k])]++] = keys[k];
            };
        });
        keys.swap(buffer);
    }
}

// Sorts indices of points (n, width) along a Hilbert curve of their bounding box; finite coordinates of any size. Points
// in one cell of the lattice keep their order.
inline void sort_along_curve(std::vector<int>& points, const double* positions, int width, int threads) {
    constexpr std::size_t kPointsPerRange = 65536;
    const int axes = std::min(width, kHilbertAxes);
    const auto at = [&](int v, int a) { return positions[static_cast<std::size_t>(v) * width + a]; };
    struct Box {
        double low[kHilbertAxes], high[kHilbertAxes];
    };
    std::vector<Box> boxes((points.size() + kPointsPerRange - 1) / kPointsPerRange);
    parallel_for(points.size(), kPointsPerRange, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            Box& box = boxes[begin / kPointsPerRange];
            for (int a = 0; a < axes; ++a) box.low[a] = box.high[a] = at(points[begin], a);
            for (std::size_t k = begin; k < end; ++k) {
                for (int a = 0; a < axes; ++a) {
                    box.low[a] = std::min(box.low[a], at(points[k], a));
                    box.high[a] = std::max(box.high[a], at(points[k], a));
                }
            }
        };
    });
    double low[kHilbertAxes], side = 0.0;
    for (int a = 0; a < axes && !boxes.empty(); ++a) {
        double high = boxes[0].high[a];
        low[a] = boxes[0].low[a];
        for (const Box& box : boxes) {
            low[a] = std::min(low[a], box.low[a]);
            high = std::max(high, box.high[a]);
        }
        side = std::max(side, 0.5 * high - 0.5 * low[a]);
    }
    const double cells = side > 0.0 ? static_cast<double>((1u << hilbert_bits(width)) - 1) : 0.0;
    std::vector<std::uint64_t> keys(points.size()), buffer;
    parallel_for(points.size(), kPointsPerRange, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            for (std::size_t k = begin; k < end; ++k) {
                std::uint32_t place[kHilbertAxes] = {};
                for (int a = 0; a < axes && cells > 0.0; ++a) {
                    const double share = (0.5 * at(points[k], a) - 0.5 * low[a]) / side;
                    place[a] = static_cast<std::uint32_t>(std::min(1.0, share) * cells);
                }
                const std::uint64_t along = axes == 2 ? hilbert_index(place[0], place[1]) : hilbert_index(place, axes);
                keys[k] = along << 32 | static_cast<std::uint32_t>(points[k]);
            }
        };
    });
    // Many points come along this curve.
    const auto before = [](std::uint64_t a, std::uint64_t b) { return a >> 32 < b >> 32; };
    if (std::is_sorted(keys.begin(), keys.end(), before)) return;
    radix_sort(keys, buffer, threads);
    for (std::size_t k = 0; k < keys.size(); ++k) points[k] = static_cast<int>(keys[k] & 0xffffffffu);
}

// Sorts the indices [first, last) of points along a Hilbert curve of their bounding box; at(i, axis) is a coordinate,
// within a range that is a double. Runs that share a cell of the lattice are sorted in turn on their own box; equal
// positions become adjacent.
template <int kWidth, class Coordinate>
void hilbert_sort(const Coordinate& at, int* first, int* last, int threads = 1) {
    const auto lexicographic = [&at](int i, int j) {
        for (int a = 0; a < kWidth; ++a) {
            if (at(i, a) != at(j, a)) return at(i, a) < at(j, a);
        }
        return i < j;
    };
    const std::size_t n = static_cast<std::size_t>(last - first);
    if (n < 2) return;
    double low[kWidth], high[kWidth], side = 0.0;
    for (int a = 0; a < kWidth; ++a) low[a] = high[a] = at(*first, a);
    for (const int* i = first; i != last; ++i) {
        for (int a = 0; a < kWidth; ++a) {
            low[a] = std::min(low[a], at(*i, a));
            high[a] = std::max(high[a], at(*i, a));
        }
    }
    for (int a = 0; a < kWidth; ++a) side = std::max(side, high[a] - low[a]);
    if (n <= 16 || side == 0.0) {
        std::sort(first, last, lexicographic);
        return;
    }
    const double cells = static_cast<double>((1u << hilbert_bits(kWidth)) - 1);
    std::vector<std::uint64_t> keys(n), buffer;
    parallel_for(n, 65536, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            for (std::size_t k = begin; k < end; ++k) {
                std::uint32_t place[kWidth];
                for (int a = 0; a < kWidth; ++a) {
                    place[a] = static_cast<std::uint32_t>((at(first[k], a) - low[a]) / side * cells);
                }
                const std::uint64_t along =
                    kWidth == 2 ? hilbert_index(place[0], place[1]) : hilbert_index(place, kWidth);
                keys[k] = along << 32 | static_cast<std::uint32_t>(first[k]);
            }
        };
    });
    radix_sort(keys, buffer, threads);
    for (std::size_t k = 0; k < n; ++k) first[k] = static_cast<int>(keys[k] & 0xffffffffu);
    for (std::size_t k = 0; k < n;) {
        std::size_t end = k + 1;
        while (end < n && keys[end] >> 32 == keys[k] >> 32) ++end;
        hilbert_sort<kWidth>(at, first + k, first + end);
        k = end;
    }
}

}  // namespace diracs
