// The regular triangulation: the dual of the power diagram, which is the lower hull of the seeds lifted to (y, |y|² − w) (F.
// Aurenhammer 1987). Built once, it follows changes of the weights.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "numeric/parallel.hpp"
#include "plane/construction.hpp"
#include "plane/flips.hpp"
#include "plane/half_edges.hpp"
#include "plane/insertion.hpp"

namespace diracs {

class Triangulation {
public:
    // As for Construction. Both references must outlive the triangulation.
    Triangulation(const std::vector<Seed>& seeds, const std::vector<std::uint32_t>& place,
                  const std::vector<int>& rounds, int threads)
        : seeds_(seeds), place_(place), rounds_(rounds), leaving_(seeds.size()) {
        build(threads);
    }

    // To be called when weights of the seeds have changed.
    void update(int threads) {
        std::vector<int> bent = survey(threads), waiting;
        for (std::size_t p = 0; p < seeds_.size(); ++p) {
            if (leaving(static_cast<int>(p)) < 0) waiting.push_back(static_cast<int>(p));
        }
        if (bent.empty() && waiting.empty()) return;
        // Flips of an edge are ten times as fast as the insertion of a seed.
        Flips flips(mesh_, seeds_.data(), slots_, 2 * seeds_.size());
        if (bent.size() > seeds_.size() || !flips.repair(std::move(bent))) {
            build(threads);
            return;
        }
        waiting.insert(waiting.end(), flips.removed().begin(), flips.removed().end());
        if (!waiting.empty()) insert(waiting);
        survey(threads);
        find_leaving(threads);
    }

    const HalfEdges& mesh() const { return mesh_; }

    // A half-edge from vertex p, or −1 if the seed is hidden.
    int leaving(int p) const { return leaving_[p].load(std::memory_order_relaxed); }

    // Whether the lifted triangles on both sides of the edge are on one plane: its power cells meet in a point there.
    bool is_flat(int e) const {
        const int first = std::min(e, mesh_.twin(e));
        return (mesh_.triangles[first >> 2].tag >> (first & 3) & 1) != 0;
    }

private:
    static constexpr std::size_t kTrianglesPerRange = 16384;

    void build(int threads) {
        Construction construction(mesh_, seeds_, place_, rounds_, threads);
        slots_ = std::move(construction.free_slots());
        survey(threads);
        find_leaving(threads);
    }

    // Of the half-edges from a vertex any one will do.
    void find_leaving(int threads) {
        for (auto& e : leaving_) e.store(-1, std::memory_order_relaxed);
        parallel_for(mesh_.triangles.size(), kTrianglesPerRange, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (int t = static_cast<int>(begin); t < static_cast<int>(end); ++t) {
                    if (!mesh_.is_used(t)) continue;
                    for (int k = 0; k < 3; ++k) {
                        const int p = mesh_.triangles[t].vertex[k];
                        if (p != HalfEdges::kGhost) leaving_[p].store(4 * t + k, std::memory_order_relaxed);
                    }
                }
            };
        });
    }

    // Marks the flat edges, and returns those where the surface bends the wrong way, by one half-edge each.
    std::vector<int> survey(int threads) {
        const std::size_t count = mesh_.triangles.size();
        std::vector<std::vector<int>> found((count + kTrianglesPerRange - 1) / kTrianglesPerRange);
        parallel_for(count, kTrianglesPerRange, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                std::vector<int>& here = found[begin / kTrianglesPerRange];
                for (int t = static_cast<int>(begin); t < static_cast<int>(end); ++t) {
                    HalfEdges::Triangle& s = mesh_.triangles[t];
                    if (!mesh_.is_used(t)) continue;
                    s.tag = 0;
                    if (mesh_.is_ghost(t)) continue;
                    for (int k = 0; k < 3; ++k) {
                        const int e = 4 * t + k, f = mesh_.twin(e);
                        if (f < e || mesh_.is_ghost(f >> 2)) continue;
                        const int bend = mesh_.bend(e, seeds_.data());
                        if (bend == 0) s.tag |= 1 << k;
                        if (bend > 0) here.push_back(e);
                    }
                }
            };
        });
        std::vector<int> bent;
        for (const auto& range : found) bent.insert(bent.end(), range.begin(), range.end());
        return bent;
    }

    void insert(std::vector<int>& waiting) {
        int start = 0;
        for (int t = static_cast<int>(mesh_.triangles.size()); t-- > 0;) {
            mesh_.triangles[t].tag = 0;
            if (mesh_.is_used(t) && !mesh_.is_ghost(t)) start = t;
        }
        // Along the curve.
        std::sort(waiting.begin(), waiting.end(), [&](int p, int q) { return place_[p] < place_[q]; });
        Insertion insertion(mesh_, seeds_.data(), 0, start, std::move(slots_));
        std::size_t steps = 0;
        for (const int p : waiting) {
            if (++steps % 16 == 0) poll_interrupt();
            insertion.insert(p);
        }
        slots_ = std::move(insertion.slots());
    }

    const std::vector<Seed>& seeds_;
    const std::vector<std::uint32_t>& place_;
    const std::vector<int>& rounds_;
    HalfEdges mesh_;
    FreeSlots slots_;
    std::vector<std::atomic<int>> leaving_;
};

}  // namespace diracs
