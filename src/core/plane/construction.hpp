// The regular triangulation of seeds given in random rounds, each along a curve. A round is cut into blocks of the curve that
// are inserted side by side, as far as the triangles concerned have all corners in one block; then what is left along the
// seams with other blocks, and at last one by one. Blocks depend on the seeds alone, not on the number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "numeric/parallel.hpp"
#include "plane/half_edges.hpp"
#include "plane/insertion.hpp"

namespace diracs {

class Construction {
public:
    // seeds[0], seeds[1], seeds[2] must not be collinear, positions be distinct. place[p]: where seed p is on the curve, as
    // a share of 2^32; seeds rounds[k] … rounds[k + 1] − 1 are round k, by increasing place but for the first three.
    Construction(HalfEdges& mesh, const std::vector<Seed>& seeds, const std::vector<std::uint32_t>& place,
                 const std::vector<int>& rounds, int threads)
        : mesh_(mesh), seeds_(seeds.data()), place_(place.data()), threads_(threads) {
        // Of v vertices and the ghost there are 2 v − 2 triangles.
        mesh.triangles.resize(2 * seeds.size() + 2);
        first_triangle();
        for (std::size_t k = 0; k + 1 < rounds.size(); ++k) {
            std::vector<int> left;
            left.reserve(static_cast<std::size_t>(rounds[k + 1] - rounds[k]));
            for (int p = std::max(3, rounds[k]); p < rounds[k + 1]; ++p) left.push_back(p);
            const auto blocks = static_cast<std::uint32_t>(std::min(rounds[k] / kSeedsPerBlock, kBlocks));
            if (blocks > 1) {
                left = insert_by_blocks(left, blocks, 0);
                left = insert_by_blocks(left, blocks, UINT32_MAX / 2);
            }
            insert_in_order(left);
        }
        clear(free_.begin, static_cast<int>(mesh.triangles.size()));
    }

    // Slots that hold no triangle.
    FreeSlots& free_slots() { return free_; }

private:
    static constexpr int kBlocks = 64;
    static constexpr int kSeedsPerBlock = 1000;
    static constexpr std::size_t kTrianglesPerRange = 16384;

    void first_triangle() {
        int a = 0, b = 1;
        if (orient(seeds_[0], seeds_[1], seeds_[2]) < 0) std::swap(a, b);
        const int c = 2, out = HalfEdges::kGhost, none = Insertion::kNobody;
        mesh_.triangles[0] = {{a, b, c}, {4 * 1, 4 * 2, 4 * 3}, none, 0};
        mesh_.triangles[1] = {{b, a, out}, {4 * 0, 4 * 3 + 2, 4 * 2 + 1}, none, 0};
        mesh_.triangles[2] = {{c, b, out}, {4 * 0 + 1, 4 * 1 + 2, 4 * 3 + 1}, none, 0};
        mesh_.triangles[3] = {{a, c, out}, {4 * 0 + 2, 4 * 2 + 2, 4 * 1 + 1}, none, 0};
        free_.begin = 4;
    }

    void clear(int begin, int end) {
        for (int t = begin; t < end; ++t) mesh_.triangles[t].vertex[0] = HalfEdges::kUnused;
    }

    // Number of the block of seed p. The last block is the first one again where blocks are shifted.
    int block(int p, std::uint32_t blocks, std::uint32_t shift) const {
        return static_cast<int>((std::uint64_t{place_[p]} * blocks + shift) >> 32);
    }

    // Tags triangles with the block of all their corners, if it is one; a triangle of each block to start from, or −1.
    std::vector<int> tag(std::uint32_t blocks, std::uint32_t shift) {
        std::vector<std::atomic<int>> least(blocks + 1);
        for (auto& t : least) t = INT_MAX;
        parallel_for(static_cast<std::size_t>(free_.begin), kTrianglesPerRange, threads_, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (int t = static_cast<int>(begin); t < static_cast<int>(end); ++t) {
                    HalfEdges::Triangle& s = mesh_.triangles[t];
                    s.tag = Insertion::kNobody;
                    if (!mesh_.is_used(t) || mesh_.is_ghost(t)) continue;
                    const int b = block(s.vertex[0], blocks, shift);
                    if (block(s.vertex[1], blocks, shift) != b || block(s.vertex[2], blocks, shift) != b) continue;
                    s.tag = b;
                    int seen = least[b];
                    while (t < seen && !least[b].compare_exchange_weak(seen, t)) {
                    }
                }
            };
        });
        std::vector<int> start(blocks + 1);
        for (std::size_t b = 0; b < start.size(); ++b) start[b] = least[b] == INT_MAX ? -1 : least[b].load();
        return start;
    }

    // The seeds that could not be inserted, in the order that they had.
    std::vector<int> insert_by_blocks(const std::vector<int>& seeds, std::uint32_t blocks, std::uint32_t shift) {
        const std::vector<int> start = tag(blocks, shift);
        std::vector<std::size_t> border(start.size() + 1, seeds.size());
        for (std::size_t k = seeds.size(); k-- > 0;) border[block(seeds[k], blocks, shift)] = k;
        for (std::size_t b = start.size(); b-- > 0;) border[b] = std::min(border[b], border[b + 1]);
        std::vector<FreeSlots> slots(start.size());
        for (std::size_t b = 0; b < start.size(); ++b) {
            // A seed makes two triangles more than it replaces, at most.
            const std::size_t needed = 2 * (border[b + 1] - border[b]), used = std::min(needed, free_.single.size());
            slots[b].single.assign(free_.single.end() - static_cast<std::ptrdiff_t>(used), free_.single.end());
            free_.single.resize(free_.single.size() - used);
            slots[b].begin = free_.begin;
            slots[b].end = free_.begin += static_cast<int>(needed - used);
        }
        std::vector<std::vector<int>> left(start.size());
        parallel_for(start.size(), 1, threads_, [&] {
            return [&](std::size_t b, std::size_t) {
                Insertion insertion(mesh_, seeds_, static_cast<int>(b), start[b], std::move(slots[b]));
                for (std::size_t k = border[b]; k < border[b + 1]; ++k) {
                    if (k % 16 == 0) poll_interrupt();
                    if (start[b] < 0 || !insertion.insert(seeds[k])) left[b].push_back(seeds[k]);
                }
                slots[b] = std::move(insertion.slots());
                clear(slots[b].begin, slots[b].end);
            };
        });
        std::vector<int> all;
        for (std::size_t b = 0; b < start.size(); ++b) {
            all.insert(all.end(), left[b].begin(), left[b].end());
            free_.single.insert(free_.single.end(), slots[b].single.begin(), slots[b].single.end());
            for (int t = slots[b].begin; t < slots[b].end; ++t) free_.single.push_back(t);
        }
        return all;
    }

    void insert_in_order(const std::vector<int>& seeds) {
        if (seeds.empty()) return;
        int start = free_.begin;
        for (int t = free_.begin; t-- > 0;) {
            mesh_.triangles[t].tag = 0;
            if (mesh_.is_used(t) && !mesh_.is_ghost(t)) start = t;
        }
        Insertion insertion(mesh_, seeds_, 0, start, std::move(free_));
        for (std::size_t k = 0; k < seeds.size(); ++k) {
            if (k % 16 == 0) poll_interrupt();
            insertion.insert(seeds[k]);
        }
        free_ = std::move(insertion.slots());
    }

    HalfEdges& mesh_;
    const Seed* seeds_;
    const std::uint32_t* place_;
    int threads_;
    FreeSlots free_;
};

}  // namespace diracs
