// Power cells of seeds on one line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "numeric/interrupt.hpp"
#include "plane/predicates.hpp"

namespace diracs {

// Seeds on one line: the lower hull of the lifted seeds along it (A. M. Andrew 1979, the lower half).
inline std::vector<int> lower_envelope(const std::vector<Seed>& seeds) {
    std::vector<int> along(seeds.size());
    for (std::size_t i = 0; i < along.size(); ++i) along[i] = static_cast<int>(i);
    std::sort(along.begin(), along.end(), [&seeds](int i, int j) {
        return seeds[i].x != seeds[j].x ? seeds[i].x < seeds[j].x : seeds[i].y < seeds[j].y;
    });
    const bool vertical = seeds[along.front()].x == seeds[along.back()].x;
    const auto is_below = [&seeds, vertical](int a, int b, int c) {
        const Seed &p = seeds[a], &q = seeds[b], &r = seeds[c];
        const auto pq = vertical ? exact_difference(q.y, p.y) : exact_difference(q.x, p.x);
        const auto qr = vertical ? exact_difference(r.y, q.y) : exact_difference(r.x, q.x);
        const auto h = exact::lift(q);
        return (pq * (exact::lift(r) - h) - qr * (h - exact::lift(p))).sign() > 0;
    };
    std::vector<int> envelope;
    for (const int i : along) {
        poll_interrupt();
        while (envelope.size() >= 2 && !is_below(*(envelope.end() - 2), envelope.back(), i)) envelope.pop_back();
        envelope.push_back(i);
    }
    return envelope;
}

}  // namespace diracs
