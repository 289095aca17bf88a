// A lattice of pixels: its borders, the moments of a piece of a pixel, runs of whole pixels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace diracs {

// Borders of the pixels along one axis.
struct PixelAxis {
    int n;
    double step;
    std::vector<double> borders;  // n + 1 coordinates

    PixelAxis(int count, double low, double high)
        : n(count), step((high - low) / count), borders(std::size_t(count) + 1), per_step_(1 / step) {
        for (int k = 0; k < n; ++k) borders[k] = low + k * step;
        borders[n] = high;
    }

    // Largest k in [0, n] whose border, seen from `origin`, is at most u (0 if none).
    int floor(double u, double origin) const {
        int k = guess(u, origin);
        while (k > 0 && borders[k] - origin > u) --k;
        while (k < n && borders[k + 1] - origin <= u) ++k;
        return k;
    }

    // Smallest k in [0, n] whose border is at least u (n if none).
    int ceil(double u, double origin) const {
        int k = guess(u, origin);
        while (k > 0 && borders[k - 1] - origin >= u) --k;
        while (k < n && borders[k] - origin < u) ++k;
        return k;
    }

    int pixel(double u, double origin) const { return std::min(floor(u, origin), n - 1); }

    // The border that a segment from u to v runs along up to rounding, or −1.
    int border_along(double u, double v, double origin) const {
        const double size = std::abs(borders[0]) + std::abs(borders[n]) + std::abs(origin);
        const double slack = 8 * std::numeric_limits<double>::epsilon() * size;
        if (std::abs(v - u) > slack) return -1;
        const int k = floor(u + slack, origin);
        return std::abs(borders[k] - origin - u) <= slack ? k : -1;
    }

private:
    double per_step_;

    int guess(double u, double origin) const {
        return int(std::clamp((u + (origin - borders[0])) * per_step_, 0.0, double(n)));
    }
};

// Area, ∫x, ∫y and ∫(x² + y²) of a piece of the plane about the seed.
struct Piece {
    double area = 0, x = 0, y = 0, second = 0;
};

// The piece between the chords from (xa, la) to (xb, lb) and from (xa, ua) to (xb, ub). At xa + (1/2 + t)d, |t| ≤ 1/2, its
// height is h + tδ and its middle y + tκ; the integrals follow from ∫t² = 1/12.
inline Piece slice(double xa, double xb, double la, double lb, double ua, double ub) {
    const double d = xb - xa, x = (xa + xb) / 2, ha = std::max(ua - la, 0.0), hb = std::max(ub - lb, 0.0);
    const double h = (ha + hb) / 2, delta = hb - ha;
    const double ya = (la + ua) / 2, yb = (lb + ub) / 2, y = (ya + yb) / 2, kappa = yb - ya;
    const double central = (d * d + kappa * kappa + h * h) / 12 + delta * delta / 48;
    return {d * h, d * (h * x + d * delta / 12), d * (h * y + kappa * delta / 12),
            d * (h * (x * x + y * y + central) + delta * (x * d + y * kappa) / 6)};
}

// Pixels [begin, end) of a row.
struct Run {
    int begin, end;
};

inline Run meet(Run a, Run b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

// One run per row and room for the coarser rows made of them; on the stack for small cells.
class Runs {
public:
    explicit Runs(int rows) : heap_(rows > small_ / 2 - 16 ? 2 * std::size_t(rows) + 64 : 0) {}
    Run* data() { return heap_.empty() ? stack_ : heap_.data(); }

private:
    static constexpr int small_ = 128;
    Run stack_[small_];
    std::vector<Run> heap_;
};

}  // namespace diracs
