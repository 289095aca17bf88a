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

    // To be called when weights of the seeds have changed: whether triangles have changed with them, or which edges are
    // flat.
    bool update(int threads) {
        Survey found = survey(threads);
        std::vector<int> waiting;
        for (std::size_t p = 0; p < seeds_.size(); ++p) {
            if (leaving(static_cast<int>(p)) < 0) waiting.push_back(static_cast<int>(p));
        }
        if (found.bent.empty() && waiting.empty()) return found.changed;
        // The flip of an edge takes a tenth of the time of the insertion of a seed.
        Flips flips(mesh_, seeds_.data(), slots_, 2 * seeds_.size());
        if (found.bent.size() > seeds_.size() || !flips.repair(std::move(found.bent))) {
            build(threads);
        } else if (waiting.empty() && flips.removed().empty() && flips.touched().size() < seeds_.size() / 4) {
            refresh(flips.touched());
        } else {
            // Any of them may be back, by what is exact for all of them.
            waiting.insert(waiting.end(), flips.removed().begin(), flips.removed().end());
            if (!waiting.empty()) insert(waiting);
            survey(threads);
            find_leaving(threads);
        }
        return true;
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

    struct Survey {
        std::vector<int> bent;  // edges where the surface bends the wrong way, by one half-edge each
        bool changed = false;   // other edges are flat than before
    };

    // Looks at all edges, and marks those that are flat.
    Survey survey(int threads) {
        const std::size_t count = mesh_.triangles.size();
        std::vector<std::vector<int>> found((count + kTrianglesPerRange - 1) / kTrianglesPerRange);
        std::atomic<bool> changed{false};
        parallel_for(count, kTrianglesPerRange, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                std::vector<int>& here = found[begin / kTrianglesPerRange];
                for (int t = static_cast<int>(begin); t < static_cast<int>(end); ++t) {
                    if (!mesh_.is_used(t)) continue;
                    int flat = 0;
                    for (int k = 0; k < 3 && !mesh_.is_ghost(t); ++k) {
                        const int e = 4 * t + k, f = mesh_.twin(e);
                        if (f < e || mesh_.is_ghost(f >> 2)) continue;
                        const int bend = mesh_.bend(e, seeds_.data());
                        if (bend == 0) flat |= 1 << k;
                        if (bend > 0) here.push_back(e);
                    }
                    HalfEdges::Triangle& s = mesh_.triangles[t];
                    if (s.tag != flat) changed = true;
                    s.tag = flat;
                }
            };
        });
        Survey result;
        for (const auto& range : found) result.bent.insert(result.bent.end(), range.begin(), range.end());
        result.changed = changed;
        return result;
    }

    // The same, and a half-edge from each vertex, where few triangles are new.
    void refresh(const std::vector<int>& touched) {
        for (const int t : touched) {
            if (!mesh_.is_used(t)) continue;
            for (int k = 0; k < 3; ++k) {
                const int e = 4 * t + k, f = mesh_.twin(e), first = std::min(e, f), bit = 1 << (first & 3);
                const bool flat = !mesh_.is_ghost(t) && !mesh_.is_ghost(f >> 2) && mesh_.bend(e, seeds_.data()) == 0;
                int& tag = mesh_.triangles[first >> 2].tag;
                tag = flat ? tag | bit : tag & ~bit;
                if (mesh_.origin(e) != HalfEdges::kGhost) leaving_[mesh_.origin(e)] = e;
            }
        }
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
