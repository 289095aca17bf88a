// Weighted points of many dimensions: Lloyd's steps with one upper and one lower bound for each point (G. Hamerly, "Making
// k-means even faster", SDM 2010); where these do not decide, eight points at a time meet all centres.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "numeric/parallel.hpp"
#include "merging/weighted_points.hpp"
#include "numeric/wide.hpp"

namespace diracs {

constexpr std::size_t kLanes = 8;

// Eight points, x[8 k + lane], against all centres (n, d): the nearest and the next nearest.
DIRACS_WIDE inline void nearest_of_all(const double* DIRACS_RESTRICT x, const double* DIRACS_RESTRICT y, std::size_t n,
                                       std::size_t d, double* DIRACS_RESTRICT square, double* DIRACS_RESTRICT label,
                                       double* DIRACS_RESTRICT further, double* DIRACS_RESTRICT other) {
    for (std::size_t l = 0; l < kLanes; ++l) {
        square[l] = further[l] = std::numeric_limits<double>::infinity();
        label[l] = other[l] = -1.0;
    }
    // Four centres at a time: their sums do not wait for each other.
    constexpr std::size_t kTogether = 4;
    double sum[kTogether][kLanes];
    for (std::size_t j = 0; j < n; j += kTogether) {
        const std::size_t count = n - j < kTogether ? n - j : kTogether;
        const double* centre[kTogether];
        for (std::size_t b = 0; b < kTogether; ++b) {
            centre[b] = y + d * (j + (b < count ? b : 0));
            for (std::size_t l = 0; l < kLanes; ++l) sum[b][l] = 0.0;
        }
        for (std::size_t k = 0; k < d; ++k) {
            for (std::size_t b = 0; b < kTogether; ++b) {
                const double c = centre[b][k];
                for (std::size_t l = 0; l < kLanes; ++l) {
                    const double u = x[kLanes * k + l] - c;
                    sum[b][l] += u * u;
                }
            }
        }
        for (std::size_t b = 0; b < count; ++b) {
            const double name = static_cast<double>(j + b);
            for (std::size_t l = 0; l < kLanes; ++l) {
                const double s = sum[b][l];
                const bool first = s < square[l], second = s < further[l];
                other[l] = first ? label[l] : second ? name : other[l];
                further[l] = first ? square[l] : second ? s : further[l];
                label[l] = first ? name : label[l];
                square[l] = first ? s : square[l];
            }
        }
    }
}

inline double square_between(const double* a, const double* b, std::size_t d) {
    double sum[4] = {};
    std::size_t k = 0;
    for (; k + 4 <= d; k += 4) {
        for (std::size_t l = 0; l < 4; ++l) {
            const double u = a[k + l] - b[k + l];
            sum[l] += u * u;
        }
    }
    for (; k < d; ++k) sum[0] += (a[k] - b[k]) * (a[k] - b[k]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// Up to eight points on their way to the kernel.
class Pack {
public:
    explicit Pack(std::size_t d) : d_(d), x_(kLanes * d, 0.0) {}

    template <class Use>
    void add(const double* point, std::size_t index, const double* y, std::size_t n, const Use& use) {
        for (std::size_t k = 0; k < d_; ++k) x_[kLanes * k + count_] = point[k];
        index_[count_++] = index;
        if (count_ == kLanes) flush(y, n, use);
    }

    // use(point, nearest centre, square of the distance, next nearest, square)
    template <class Use>
    void flush(const double* y, std::size_t n, const Use& use) {
        if (count_ == 0) return;
        double square[kLanes], label[kLanes], further[kLanes], other[kLanes];
        nearest_of_all(x_.data(), y, n, d_, square, label, further, other);
        for (std::size_t l = 0; l < count_; ++l) {
            use(index_[l], static_cast<int>(label[l]), square[l], static_cast<int>(other[l]), further[l]);
        }
        count_ = 0;
    }

private:
    std::size_t d_, count_ = 0, index_[kLanes] = {};
    std::vector<double> x_;
};

class BoundedPoints final : public WeightedPoints {
public:
    BoundedPoints(const double* points, const double* masses, std::size_t n, int d)
        : d_(static_cast<std::size_t>(d)),
          x_(points, points + n * d_),
          mass_(masses, masses + n),
          label_(n),
          lower_(n),
          square_(n) {}

    int dimension() const override { return static_cast<int>(d_); }
    std::size_t size() const override { return mass_.size(); }

    void group(const double* centres, std::size_t n, int threads, Groups& groups) override {
        const bool known = before_.size() == n * d_;
        Moves moves;
        if (known) moves = moved(centres, n);
        before_.assign(centres, centres + n * d_);
        parallel_for(size(), kChunk, threads, [&] {
            return [&, pack = Pack(d_)](std::size_t begin, std::size_t end) mutable {
                const auto use = [&](std::size_t i, int label, double square, int, double further) {
                    label_[i] = label;
                    square_[i] = square;
                    lower_[i] = std::sqrt(further);
                };
                for (std::size_t i = begin; i < end; ++i) {
                    if (known && stays(i, moves)) continue;
                    pack.add(&x_[d_ * i], i, centres, n, use);
                }
                pack.flush(centres, n, use);
            };
        });
        sum(n, threads, groups);
    }

    void nearest(const double* centres, std::size_t n, bool both, int threads, NearestCentres& found) const override {
        found.label.resize(size());
        found.square.resize(size());
        if (both) {
            found.other.resize(size());
            found.further.resize(size());
        }
        parallel_for(size(), kChunk, threads, [&] {
            return [&, pack = Pack(d_)](std::size_t begin, std::size_t end) mutable {
                const auto use = [&](std::size_t i, int label, double square, int other, double further) {
                    found.label[i] = label;
                    found.square[i] = square;
                    if (both) {
                        found.other[i] = other;
                        found.further[i] = further;
                    }
                };
                for (std::size_t i = begin; i < end; ++i) pack.add(&x_[d_ * i], i, centres, n, use);
                pack.flush(centres, n, use);
            };
        });
    }

private:
    // How far centres have moved: the one that moved most, the most among the others; half the ways to their neighbours.
    struct Moves {
        int farthest = -1;
        double most = 0.0, others = 0.0;
        std::vector<double> half;
    };
    static constexpr std::size_t kChunk = 1024;

    std::size_t d_;
    std::vector<double> x_, mass_;
    std::vector<int> label_;
    std::vector<double> lower_, square_, before_;

    Moves moved(const double* centres, std::size_t n) const {
        Moves moves;
        for (std::size_t j = 0; j < n; ++j) {
            const double way = std::sqrt(square_between(centres + d_ * j, &before_[d_ * j], d_));
            if (way > moves.most) {
                moves.others = moves.most;
                moves.most = way;
                moves.farthest = static_cast<int>(j);
            } else {
                moves.others = std::max(moves.others, way);
            }
        }
        moves.half.assign(n, 0.0);
        if (n * n <= 4 * size() * kLanes && n > 1) {
            std::vector<double> least(n, std::numeric_limits<double>::infinity());
            for (std::size_t j = 0; j < n; ++j) {
                for (std::size_t i = 0; i < j; ++i) {
                    const double square = square_between(centres + d_ * i, centres + d_ * j, d_);
                    least[i] = std::min(least[i], square);
                    least[j] = std::min(least[j], square);
                }
            }
            for (std::size_t j = 0; j < n; ++j) moves.half[j] = 0.5 * std::sqrt(least[j]);
        }
        return moves;
    }

    // Whether the centre of point i is still the nearest.
    bool stays(std::size_t i, const Moves& moves) {
        const int a = label_[i];
        square_[i] = square_between(&x_[d_ * i], &before_[d_ * static_cast<std::size_t>(a)], d_);
        lower_[i] -= a == moves.farthest ? moves.others : moves.most;
        const double upper = std::sqrt(square_[i]);
        return upper <= lower_[i] || upper <= moves.half[static_cast<std::size_t>(a)];
    }

    // In pieces whose number the threads do not change, and whose sums take no more memory than the points.
    void sum(std::size_t n, int threads, Groups& groups) const {
        const std::size_t pieces = std::clamp<std::size_t>(size() / std::max<std::size_t>(8 * n, 8192), 1, 64);
        const std::size_t length = (size() + pieces - 1) / pieces;
        std::vector<Groups> parts(pieces);
        parallel_for(pieces, 1, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (std::size_t p = begin; p < end; ++p) {
                    Groups& part = parts[p];
                    part.reset(n, static_cast<int>(d_));
                    for (std::size_t i = p * length; i < std::min(size(), (p + 1) * length); ++i) {
                        const std::size_t a = static_cast<std::size_t>(label_[i]);
                        part.mass[a] += mass_[i];
                        part.cost[a] += mass_[i] * square_[i];
                        for (std::size_t k = 0; k < d_; ++k) part.first[d_ * a + k] += mass_[i] * x_[d_ * i + k];
                    }
                }
            };
        });
        groups = std::move(parts[0]);
        for (std::size_t p = 1; p < pieces; ++p) {
            for (std::size_t j = 0; j < n; ++j) groups.mass[j] += parts[p].mass[j], groups.cost[j] += parts[p].cost[j];
            for (std::size_t j = 0; j < n * d_; ++j) groups.first[j] += parts[p].first[j];
        }
    }
};

}  // namespace diracs
