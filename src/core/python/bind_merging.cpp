// The class WeightedPoints and the functions spread_seeds and send_boxes of the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "python/arrays.hpp"
#include "merging/bounded_points.hpp"
#include "merging/box_refinement.hpp"
#include "merging/lloyd.hpp"
#include "merging/seeding.hpp"
#include "merging/tree_points.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

// Trees pay in so few dimensions.
constexpr int kMostTree = 8;

bool usable(double x) { return x >= 0.0 && std::isfinite(x); }

template <int D>
std::unique_ptr<WeightedPoints> tree_points(const Rows& x, const double* masses, const double* spreads, int threads) {
    return std::make_unique<TreePoints<D>>(x.data(), masses, spreads, x.shape(0), threads);
}

class Cells {
public:
    Cells(const Rows& points, const Numbers& masses, const Numbers& spreads, int threads) {
        const std::size_t n = points.shape(0), d = points.shape(1);
        if (n == 0 || d == 0) throw nb::value_error("points must not be empty");
        if (n > (std::size_t{1} << 31) - 1) throw nb::value_error("more points than 2^31");
        if (masses.shape(0) != n || spreads.shape(0) != n) {
            throw nb::value_error("points, masses and spreads differ in length");
        }
        if (!all_finite(points.data(), n * d)) throw nb::value_error("points must be finite");
        if (!std::all_of(masses.data(), masses.data() + n, usable) ||
            !std::all_of(spreads.data(), spreads.data() + n, usable)) {
            throw nb::value_error("masses and spreads must be finite and not negative");
        }
        const double *m = masses.data(), *v = spreads.data();
        const Unlocked unlocked;
        switch (static_cast<int>(std::min<std::size_t>(d, kMostTree + 1))) {
            case 1: points_ = tree_points<1>(points, m, v, threads); break;
            case 2: points_ = tree_points<2>(points, m, v, threads); break;
            case 3: points_ = tree_points<3>(points, m, v, threads); break;
            case 4: points_ = tree_points<4>(points, m, v, threads); break;
            case 5: points_ = tree_points<5>(points, m, v, threads); break;
            case 6: points_ = tree_points<6>(points, m, v, threads); break;
            case 7: points_ = tree_points<7>(points, m, v, threads); break;
            case 8: points_ = tree_points<8>(points, m, v, threads); break;
            default: points_ = std::make_unique<BoundedPoints>(points.data(), m, n, static_cast<int>(d));
        }
    }

    nb::tuple descend(const Rows& centres, int steps, double tolerance, int threads) {
        check(centres);
        const std::size_t n = centres.shape(0), d = centres.shape(1);
        Descent found;
        {
            const Unlocked unlocked;
            found = lloyd(*points_, std::vector<double>(centres.data(), centres.data() + n * d), n, steps, tolerance,
                          threads);
        }
        return nb::make_tuple(array(std::move(found.centres), {n, d}), array(std::move(found.mass)),
                              array(std::move(found.cost)), found.steps);
    }

    nb::tuple nearest(const Rows& centres, bool both, int threads) const {
        check(centres);
        NearestCentres found;
        {
            const Unlocked unlocked;
            points_->nearest(centres.data(), centres.shape(0), both, threads, found);
        }
        if (!both) return nb::make_tuple(array(std::move(found.label)), array(std::move(found.square)));
        return nb::make_tuple(array(std::move(found.label)), array(std::move(found.square)),
                              array(std::move(found.other)), array(std::move(found.further)));
    }

    // Cells in which the points of nodes of the tree are merged, about so many.
    nb::tuple coarse(std::size_t count) const {
        switch (points_->dimension()) {
            case 1: return cut<1>(count);
            case 2: return cut<2>(count);
            case 3: return cut<3>(count);
            case 4: return cut<4>(count);
            case 5: return cut<5>(count);
            case 6: return cut<6>(count);
            case 7: return cut<7>(count);
            case 8: return cut<8>(count);
            default: throw nb::value_error("there is a tree in at most eight dimensions");
        }
    }

private:
    std::unique_ptr<WeightedPoints> points_;

    void check(const Rows& centres) const {
        if (centres.shape(0) == 0 || centres.shape(1) != static_cast<std::size_t>(points_->dimension())) {
            throw nb::value_error("centres must have shape (n, d), of the dimension of the points");
        }
        if (!all_finite(centres.data(), centres.shape(0) * centres.shape(1))) {
            throw nb::value_error("centres must be finite");
        }
    }

    template <int D>
    nb::tuple cut(std::size_t count) const {
        const PointTree<D>& tree = static_cast<const TreePoints<D>&>(*points_).tree();
        const std::size_t most = std::max<std::size_t>(1, tree.size() / std::max<std::size_t>(count, 1));
        std::vector<double> mass, mean, spread;
        const auto walk = [&](const auto& self, std::size_t index) -> void {
            const TreeNode<D>& node = tree.nodes()[index];
            if (node.right && node.end - node.begin > most) {
                self(self, index + 1);
                self(self, node.right);
            } else if (node.mass > 0.0) {
                mass.push_back(node.mass);
                mean.insert(mean.end(), node.mean, node.mean + D);
                spread.push_back(node.inertia + node.spread);
            }
        };
        walk(walk, 0);
        const std::size_t m = mass.size();
        return nb::make_tuple(array(std::move(mass)), array(std::move(mean), {m, static_cast<std::size_t>(D)}),
                              array(std::move(spread)));
    }
};

nb::ndarray<nb::numpy, int> seeds(const Rows& points, const Numbers& masses, const Numbers& uniform, int threads) {
    const std::size_t n = points.shape(0), d = points.shape(1);
    if (masses.shape(0) != n) throw nb::value_error("points and masses differ in length");
    if (!all_finite(points.data(), n * d) || !std::all_of(masses.data(), masses.data() + n, usable)) {
        throw nb::value_error("points and masses must be finite, masses not negative");
    }
    std::vector<int> found;
    {
        const Unlocked unlocked;
        found = spread_seeds(points.data(), masses.data(), n, d, uniform.data(), uniform.shape(0), threads);
    }
    return array(std::move(found));
}

nb::tuple boxes(const Rows& means, const Stack& axes, const Rows& deviations, const Numbers& weights,
                const Indices& component, const Rows& low, const Rows& high, const Rows& points, double least,
                int threads) {
    const std::size_t k = means.shape(0), d = means.shape(1), count = component.shape(0), n = points.shape(0);
    const auto shaped = [&](const Rows& x, std::size_t rows) { return x.shape(0) == rows && x.shape(1) == d; };
    if (d == 0 || n == 0 || axes.shape(0) != k || axes.shape(1) != d || axes.shape(2) != d || !shaped(deviations, k) ||
        weights.shape(0) != k || !shaped(low, count) || !shaped(high, count) || !shaped(points, n)) {
        throw nb::value_error("means, axes, deviations, weights, boxes and points differ in shape");
    }
    if (!all_finite(points.data(), n * d)) throw nb::value_error("points must be finite");
    if (!(least >= 0.0)) throw nb::value_error("least must not be negative");
    const int* of = component.data();
    if (!std::all_of(of, of + count, [&](int i) { return i >= 0 && static_cast<std::size_t>(i) < k; })) {
        throw nb::value_error("boxes must be of components that there are");
    }
    SentBoxes sent;
    {
        const Unlocked unlocked;
        const BoxedMixture law{d, means.data(), axes.data(), deviations.data(), weights.data()};
        sent = send_boxes(law, of, low.data(), high.data(), count, points.data(), n, least, threads);
    }
    std::vector<double> high_part(n), low_part(n);
    for (std::size_t i = 0; i < n; ++i) high_part[i] = sent.mass[i].high, low_part[i] = sent.mass[i].low;
    return nb::make_tuple(array(std::move(high_part)), array(std::move(low_part)), array(std::move(sent.first), {n, d}),
                          array(std::move(sent.cost)), sent.moved, sent.excess, sent.count);
}

}  // namespace

void bind_merging(nb::module_& module) {
    nb::class_<Cells>(module, "WeightedPoints", "Points that are grouped around centres: weighted k-means.")
        .def(nb::init<const Rows&, const Numbers&, const Numbers&, int>(), "points"_a.noconvert(),
             "masses"_a.noconvert(), "spreads"_a.noconvert(), nb::kw_only(), "threads"_a = 0,
             "Points (N, d), masses (N,), spreads (N,).")
        .def("lloyd", &Cells::descend, "centres"_a.noconvert(), nb::kw_only(), "steps"_a, "tolerance"_a,
             "threads"_a = 0,
             "Lloyd's steps from centres (n, d), at most so many, until one lowers the cost by no more than this "
             "share:\n"
             "centres, masses (n,) and costs (n,) of their groups, steps.")
        .def("nearest", &Cells::nearest, "centres"_a.noconvert(), nb::kw_only(), "both"_a = false, "threads"_a = 0,
             "The nearest of centres (n, d) to each point, (N,), and squares of the distances (N,); with `both` the\n"
             "next nearest too (-1 and infinity where there is none).")
        .def("coarse", &Cells::coarse, "count"_a,
             "Masses, means and spreads of about so many cells in which neighbouring points are merged, in the order\n"
             "of the tree; in at most eight dimensions.");
    module.def("spread_seeds", &seeds, "points"_a.noconvert(), "masses"_a.noconvert(), "uniform"_a.noconvert(),
               nb::kw_only(), "threads"_a = 0,
               "Indices of points drawn in proportion to mass times the square of the distance from those before.");
    module.def("send_boxes", &boxes, "means"_a.noconvert(), "axes"_a.noconvert(), "deviations"_a.noconvert(),
               "weights"_a.noconvert(), "component"_a.noconvert(), "low"_a.noconvert(), "high"_a.noconvert(),
               "points"_a.noconvert(), nb::kw_only(), "least"_a, "threads"_a = 0,
               "Boxes (N,) of components in deviations of their axes, low and high (N, d), go to points (n, d), cut "
               "until the\n"
               "excess of each over nearest points is about `least`: masses (n,) to twice the digits, first moments "
               "(n, d) and\n"
               "second ones (n,) about the points, mean square of sizes, excess, number of boxes.");
}

}  // namespace diracs
