// Weighted points that go to the nearest of n centres: what Lloyd's steps need.
#pragma once

#include <cstddef>
#include <vector>

namespace diracs {

// The groups of n centres: masses (n), first moments about the origin (n, d), and mean square distances times masses (n).
struct Groups {
    std::vector<double> mass, first, cost;

    void reset(std::size_t n, int d) {
        mass.assign(n, 0.0);
        first.assign(n * static_cast<std::size_t>(d), 0.0);
        cost.assign(n, 0.0);
    }
};

// The nearest centre of each point and the square of its distance; the next nearest too, −1 and infinity if there is none.
struct NearestCentres {
    std::vector<int> label, other;
    std::vector<double> square, further;
};

class WeightedPoints {
public:
    virtual ~WeightedPoints() = default;
    virtual int dimension() const = 0;
    virtual std::size_t size() const = 0;

    // Remembers what it can for the next call; the result does not depend on that, nor on the number of threads.
    virtual void group(const double* centres, std::size_t n, int threads, Groups& groups) = 0;
    // In the order in which the points were given.
    virtual void nearest(const double* centres, std::size_t n, bool both, int threads, NearestCentres& found) const = 0;
};

}  // namespace diracs
