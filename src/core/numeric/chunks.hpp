// Loops over chunks of consecutive indices that depend on the number of indices only: results are the same with any number
// of threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "numeric/parallel.hpp"

namespace diracs {

constexpr std::size_t kChunkSize = 8192;

// Calls work(begin, end) for each chunk, in any order.
template <class Work>
void for_chunks(std::size_t n, int threads, const Work& work) {
    parallel_for((n + kChunkSize - 1) / kChunkSize, 1, threads, [&] {
        return [&](std::size_t first, std::size_t) { work(first * kChunkSize, std::min(n, (first + 1) * kChunkSize)); };
    });
}

// Sums over all indices, where add(begin, end, sums) adds those of a chunk: chunks are summed in their order.
template <std::size_t kSums, class Add>
std::array<double, kSums> sum_chunks(std::size_t n, int threads, const Add& add) {
    std::vector<std::array<double, kSums>> parts((n + kChunkSize - 1) / kChunkSize, std::array<double, kSums>{});
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) { add(begin, end, parts[begin / kChunkSize]); });
    std::array<double, kSums> sums{};
    for (const auto& part : parts) {
        for (std::size_t s = 0; s < kSums; ++s) sums[s] += part[s];
    }
    return sums;
}

}  // namespace diracs
