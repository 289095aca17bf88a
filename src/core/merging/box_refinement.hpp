// Boxes of a Gaussian mixture's principal axes go to the nearest of given points; those that the border between two
// points crosses are cut, one after the other, in memory that does not grow with their number.
//
// |x − a|² − |x − b|² is linear in x. Taken for normal with its mean and variance in the box, it tells what the part of
// the box beyond the border of a and b costs too much: its excess. Points that lie many deviations beyond all borders
// are left out for the parts of a box.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "gaussian/interval.hpp"
#include "numeric/doubled.hpp"
#include "numeric/interrupt.hpp"
#include "numeric/parallel.hpp"
#include "numeric/wide.hpp"

namespace diracs {

// x = mean + axes · (deviations ∘ z), z in a box.
struct BoxedMixture {
    std::size_t dimension;
    const double* means;       // (K, d)
    const double* axes;        // (K, d, d), columns
    const double* deviations;  // (K, d)
    const double* weights;     // (K,)
};

// What has gone to each of n points.
struct SentBoxes {
    std::vector<Doubled> mass;
    std::vector<double> first;  // (n, d): masses times (barycenter − point)
    std::vector<double> cost;   // mean squares: spreads and ways
    double moved = 0.0;         // mean square of the sizes of what goes from where to where
    double excess = 0.0;        // about so much is above the cost of nearest points
    std::size_t count = 0;
};

namespace refinement_detail {

// Borders so many deviations away do not matter for a box; nor for its parts.
constexpr double kSeen = 3.0, kKept = 4.5;
constexpr int kDeepest = 80;
// A cut leaves this share of a box, or of its deviations from its mean, on either side.
constexpr double kInside = 0.15, kDeviations = 1.5;

// Squares (count,) of the ways from c to points (d, count).
DIRACS_WIDE inline void squares(const double* DIRACS_RESTRICT y, const double* c, std::size_t d, std::size_t count,
                                double* DIRACS_RESTRICT out) {
    std::fill(out, out + count, 0.0);
    for (std::size_t k = 0; k < d; ++k) {
        const double* DIRACS_RESTRICT row = y + k * count;
        const double centre = c[k];
        for (std::size_t i = 0; i < count; ++i) out[i] += (row[i] - centre) * (row[i] - centre);
    }
}

// Variances (count,) of |x − a|² − |x − b|² over a box of variances w (d,), for all b.
DIRACS_WIDE inline void variances(const double* DIRACS_RESTRICT y, const double* a, const double* w, std::size_t d,
                                  std::size_t count, double* DIRACS_RESTRICT out) {
    std::fill(out, out + count, 0.0);
    for (std::size_t k = 0; k < d; ++k) {
        const double* DIRACS_RESTRICT row = y + k * count;
        const double centre = a[k], four = 4.0 * w[k];
        for (std::size_t i = 0; i < count; ++i) out[i] += four * (row[i] - centre) * (row[i] - centre);
    }
}

// About E (Z − t)₊ for standard normal Z.
inline double beyond(double t) { return interval_detail::density(t) / (1.0 + t * (1.2533 + t)); }

struct Entry {
    std::size_t point;
    Doubled mass;
    double cost;
};

// What a box that the work starts with has come to.
struct Part {
    std::vector<Entry> entries;
    std::vector<double> first;
    double moved = 0.0, excess = 0.0;
    std::size_t count = 0;
};

class Refinement {
public:
    Refinement(const BoxedMixture& law, const double* points, std::size_t n, double least)
        : law_(law), d_(law.dimension), n_(n), points_(points), least_(least), turned_(n * law.dimension), at_(n, -1) {
        sizes_.resize(n);
        for (std::size_t i = 0; i < n; ++i) sizes_[i] = std::sqrt(square(points + i * d_));
        all_.resize(n);
        for (std::size_t i = 0; i < n; ++i) all_[i] = static_cast<int>(i);
    }

    void refine(int component, const double* low, const double* high, Part& part) {
        turn(component);
        part_ = &part;
        if (levels_.empty()) levels_.emplace_back();
        Level& top = level(0);
        for (std::size_t k = 0; k < d_; ++k) {
            top.low[k] = low[k], top.high[k] = high[k];
            top.set(k, interval_of_normal(low[k], high[k]), d_);
        }
        visit(0, turned_.data(), all_.data(), n_);
        for (const Entry& entry : part.entries) at_[entry.point] = -1;
    }

private:
    struct Level {
        std::vector<double> low, high, moments;  // moments: shares, means, variances, (3, d)
        std::vector<double> y, square, variance, pull;
        std::vector<int> names;

        void set(std::size_t k, const IntervalOfNormal& x, std::size_t d) {
            moments[k] = x.mass, moments[d + k] = x.mean, moments[2 * d + k] = x.variance;
        }
    };

    BoxedMixture law_;
    std::size_t d_, n_;
    const double* points_;
    double least_;
    std::vector<double> turned_, sizes_;  // points along the axes of the component, (d, n)
    std::vector<int> all_, at_;
    std::vector<Level> levels_;
    int component_ = -1;
    double mean_size_ = 0.0;
    Part* part_ = nullptr;

    double square(const double* x) const {
        double sum = 0.0;
        for (std::size_t k = 0; k < d_; ++k) sum += x[k] * x[k];
        return sum;
    }

    Level& level(std::size_t depth) {
        while (levels_.size() <= depth + 1) levels_.emplace_back();
        Level& out = levels_[depth];
        if (out.low.empty()) {
            out.low.resize(d_), out.high.resize(d_), out.moments.resize(3 * d_), out.pull.resize(4 * d_);
        }
        return out;
    }

    void turn(int component) {
        if (component == component_) return;
        component_ = component;
        const double *mean = law_.means + component * d_, *axes = law_.axes + component * d_ * d_;
        mean_size_ = std::sqrt(square(mean));
        std::fill(turned_.begin(), turned_.end(), 0.0);
        for (std::size_t j = 0; j < d_; ++j) {
            for (std::size_t k = 0; k < d_; ++k) {
                const double axis = axes[j * d_ + k];
                double* row = turned_.data() + k * n_;
                for (std::size_t i = 0; i < n_; ++i) row[i] += axis * (points_[i * d_ + j] - mean[j]);
            }
        }
    }

    // The box of this depth, among candidates (d, count).
    void visit(std::size_t depth, const double* y, const int* names, std::size_t count) {
        Level& box = level(depth);
        const double* deviation = law_.deviations + component_ * d_;
        double *centre = box.pull.data(), *wide = centre + d_, *pull = wide + d_;
        double mass = law_.weights[component_], spread = 0.0;
        for (std::size_t k = 0; k < d_; ++k) {
            mass *= box.moments[k];
            centre[k] = deviation[k] * box.moments[d_ + k];
            wide[k] = deviation[k] * deviation[k] * box.moments[2 * d_ + k];
            spread += wide[k];
            pull[k] = 0.0;
        }
        if (!(mass > 0.0)) return;
        box.square.resize(count), box.variance.resize(count);
        squares(y, centre, d_, count, box.square.data());
        const std::size_t a = std::min_element(box.square.begin(), box.square.end()) - box.square.begin();
        const double nearest = box.square[a];
        double* from = pull + d_;
        for (std::size_t k = 0; k < d_; ++k) from[k] = y[k * count + a];
        variances(y, from, wide, d_, count, box.variance.data());
        double excess = 0.0, most = 0.0;
        std::size_t kept = 0, other = a;
        for (std::size_t i = 0; i < count; ++i) {
            const double margin = box.square[i] - nearest, variance = box.variance[i];
            if (margin * margin > kKept * kKept * variance) continue;
            ++kept;
            if (margin * margin > kSeen * kSeen * variance || !(variance > 0.0)) continue;
            const double sigma = std::sqrt(variance), gain = sigma * beyond(margin / sigma), share = gain / variance;
            excess += gain;
            if (gain > most) most = gain, other = i;
            for (std::size_t k = 0; k < d_; ++k) {
                const double gap = y[k * count + i] - from[k];
                pull[k] += share * gap * gap;
            }
        }
        for (std::size_t k = 0; k < d_; ++k) pull[k] *= wide[k];
        const std::size_t axis = std::max_element(pull, pull + d_) - pull;
        if (mass * excess <= least_ || depth >= kDeepest || !(pull[axis] > 0.0)) {
            leave(names[a], mass, spread + nearest, centre, from);
            part_->excess += mass * excess;
            return;
        }
        if (kept < count) {
            box.y.resize(kept * d_), box.names.resize(kept);
            std::size_t to = 0;
            for (std::size_t i = 0; i < count; ++i) {
                const double margin = box.square[i] - nearest;
                if (margin * margin > kKept * kKept * box.variance[i]) continue;
                for (std::size_t k = 0; k < d_; ++k) box.y[k * kept + to] = y[k * count + i];
                box.names[to++] = names[i];
            }
        }
        const double slope = 2.0 * (y[axis * count + other] - from[axis]) * deviation[axis];
        const double way = most > 0.5 * excess && slope != 0.0 ? (box.square[other] - nearest) / slope : 0.0;
        cut(depth, axis, way, kept < count ? box.y.data() : y, kept < count ? box.names.data() : names, kept);
    }

    void cut(std::size_t depth, std::size_t axis, double way, const double* y, const int* names, std::size_t count) {
        level(depth + 1);
        const double low = levels_[depth].low[axis], high = levels_[depth].high[axis];
        const double mean = levels_[depth].moments[d_ + axis];
        const double deviation = std::sqrt(levels_[depth].moments[2 * d_ + axis]);
        const double least = std::max(low + kInside * (mean - low), mean - kDeviations * deviation);
        const double most = std::min(high - kInside * (high - mean), mean + kDeviations * deviation);
        const double at = std::min(std::max(mean + way, least), most);
        for (int side = 0; side < 2; ++side) {
            // The vector of levels may have grown.
            const Level& box = levels_[depth];
            Level& part = levels_[depth + 1];
            part.low = box.low, part.high = box.high, part.moments = box.moments;
            (side ? part.low : part.high)[axis] = at;
            part.set(axis, side ? interval_of_normal(at, high) : interval_of_normal(low, at), d_);
            visit(depth + 1, y, names, count);
        }
    }

    void leave(int point, double mass, double square_each, const double* centre, const double* from) {
        Part& part = *part_;
        if (at_[point] < 0) {
            at_[point] = static_cast<int>(part.entries.size());
            part.entries.push_back({static_cast<std::size_t>(point), {}, 0.0});
            part.first.resize(part.first.size() + d_);
        }
        Entry& entry = part.entries[at_[point]];
        entry.mass = entry.mass + Doubled{mass, 0.0};
        entry.cost += mass * square_each;
        double* first = part.first.data() + at_[point] * d_;
        for (std::size_t k = 0; k < d_; ++k) first[k] += mass * (centre[k] - from[k]);
        const double size = std::sqrt(square(centre)) + mean_size_ + sizes_[point];
        part.moved += mass * size * size;
        if ((++part.count & 1023) == 0) poll_interrupt();
    }
};

}  // namespace refinement_detail

// Boxes (count,) of components, with borders (count, d), go to points (n, d), cut until the excess of each is at most
// `least`. The same whatever the number of threads.
inline SentBoxes send_boxes(const BoxedMixture& law, const int* component, const double* low, const double* high,
                            std::size_t count, const double* points, std::size_t n, double least, int threads) {
    using namespace refinement_detail;
    const std::size_t d = law.dimension;
    std::vector<Part> parts(count);
    parallel_for(count, 1, threads, [&] {
        return [&, work = Refinement(law, points, n, least)](std::size_t begin, std::size_t end) mutable {
            for (std::size_t i = begin; i < end; ++i) work.refine(component[i], low + i * d, high + i * d, parts[i]);
        };
    });
    SentBoxes out;
    out.mass.resize(n), out.cost.resize(n), out.first.resize(n * d);
    for (std::size_t i = 0; i < count; ++i) {
        const double* axes = law.axes + component[i] * d * d;
        for (std::size_t e = 0; e < parts[i].entries.size(); ++e) {
            const Entry& entry = parts[i].entries[e];
            out.mass[entry.point] = out.mass[entry.point] + entry.mass;
            out.cost[entry.point] += entry.cost;
            for (std::size_t j = 0; j < d; ++j) {
                for (std::size_t k = 0; k < d; ++k) {
                    out.first[entry.point * d + j] += axes[j * d + k] * parts[i].first[e * d + k];
                }
            }
        }
        out.moved += parts[i].moved, out.excess += parts[i].excess, out.count += parts[i].count;
    }
    return out;
}

}  // namespace diracs
