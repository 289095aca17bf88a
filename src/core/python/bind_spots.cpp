// The function spots of the Python module diracs._core.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "numeric/spatial_order.hpp"
#include "python/arrays.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

template <int kWidth>
void sort_points(const double* points, std::vector<int>& order) {
    const auto at = [points](int i, int a) { return points[static_cast<std::size_t>(i) * kWidth + a]; };
    hilbert_sort<kWidth>(at, order.data(), order.data() + order.size(), 0);
}

nb::tuple spots(const Rows& points) {
    const std::size_t n = points.shape(0), width = points.shape(1);
    if (width != 2 && width != 3) throw nb::value_error("points have two or three coordinates");
    if (n >= std::size_t{1} << 30) throw nb::value_error("there are fewer than 2^30 points");
    std::vector<int> first, place(n);
    {
        const Unlocked unlocked;
        if (!all_finite(points.data(), n * width)) throw nb::value_error("points must be finite");
        std::vector<int> order(n);
        std::iota(order.begin(), order.end(), 0);
        width == 2 ? sort_points<2>(points.data(), order) : sort_points<3>(points.data(), order);
        const double* before = nullptr;
        for (const int i : order) {
            const double* const here = points.data() + width * i;
            if (before == nullptr || !std::equal(here, here + width, before)) first.push_back(i);
            before = here;
            place[i] = static_cast<int>(first.size()) - 1;
        }
    }
    return nb::make_tuple(array(std::move(first)), array(std::move(place)));
}

}  // namespace

void bind_spots(nb::module_& module) {
    module.def("spots", &spots, "points"_a.noconvert(),
               "Points (n, d) in the plane or in space, without repetitions, along a Hilbert curve: (first (m,), place "
               "(n,)),\nthe first point on each spot and the spot of each point.");
}

}  // namespace diracs
