// The borders of voxels along one axis.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace diracs::space {

// Equal intervals from low to high; on a periodic axis they go on beyond, numbered modulo n.
class VoxelAxis {
public:
    int n;
    double step;

    VoxelAxis(int n, double low, double high, bool periodic)
        : n(n), step((high - low) / n), side_(high - low), periodic_(periodic), borders_(n + 1) {
        for (int k = 0; k <= n; ++k) borders_[k] = k == n ? high : low + k * step;
    }

    double border(int k) const {
        if (k >= 0 && k <= n) return borders_[k];
        const int turns = k < 0 ? -((n - 1 - k) / n) : k / n;
        return borders_[k - turns * n] + turns * side_;
    }

    // The voxel's place in the table of values; −1 beyond the ends of an axis that is not periodic.
    int place(int k) const {
        if (k >= 0 && k < n) return k;
        if (!periodic_) return -1;
        const int rest = k % n;
        return rest < 0 ? rest + n : rest;
    }

    // Largest k whose border is at most u, which is given about `origin`; within the box unless the axis is periodic.
    int floor(double u, double origin) const {
        int k = guess(u, origin);
        while (k > least() && border(k) - origin > u) --k;
        while (k < most() && border(k + 1) - origin <= u) ++k;
        return k;
    }

    // Smallest k whose border is at least u.
    int ceil(double u, double origin) const {
        int k = guess(u, origin);
        while (k > least() && border(k - 1) - origin >= u) --k;
        while (k < most() && border(k) - origin < u) ++k;
        return k;
    }

    // The border at u up to rounding, or one that is none.
    bool on_border(double u, double origin, int& k) const {
        const double slack =
            8 * 2.220446049250313e-16 * (std::fabs(borders_[0]) + std::fabs(borders_[n]) + std::fabs(origin));
        k = floor(u + slack, origin);
        return std::fabs(border(k) - origin - u) <= slack;
    }

private:
    double side_;
    bool periodic_;
    std::vector<double> borders_;

    int least() const { return periodic_ ? -2 * n : 0; }
    int most() const { return periodic_ ? 3 * n : n; }
    int guess(double u, double origin) const {
        return int(std::floor(std::clamp((u + (origin - borders_[0])) / step, double(least()), double(most()))));
    }
};

}  // namespace diracs::space
