// Density that is constant on each pixel of a rectangular box.
//
// Pixels that the boundary of a cell crosses are cut exactly; whole pixels inside come in blocks from a dyadic table. So
// the work is proportional to the crossed pixels, and all sums are of non-negative terms: no differences of prefix sums.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "pixels/cutter.hpp"
#include "plane/density.hpp"
#include "pixels/dyadic.hpp"
#include "pixels/pixels.hpp"
#include "plane/polygon.hpp"

namespace diracs {

class Image {
public:
    struct Scratch {};

    // values[i * ny + j] ≥ 0 is the density on pixel (i, j) of the box [x0, x1] × [y0, y1].
    Image(const double* values, int nx, int ny, double x0, double y0, double x1, double y1)
        : x_(nx, x0, x1),
          y_(ny, y0, y1),
          values_(values, values + std::size_t(nx) * ny),
          table_(values, nx, ny, x_.step, y_.step),
          box_{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}} {}

    const std::vector<Vec2>& domain() const { return box_; }

    void cell(const Polygon& polygon, Vec2 o, int above, CellMoments& moments, LineMoments* lines, Scratch&) const {
        moments = over(polygon, o);
        if (lines == nullptr) return;
        for (std::size_t k = 0; k < polygon.size(); ++k) {
            if (polygon.labels[k] > above) lines[k] = line(polygon[k], polygon[polygon.next(k)], o);
        }
    }

    // Adds ∫(|x − o|² − weight) over the part of the cell in each pixel to gradient[i * ny + j]: the derivative of
    // ∫ min(|x − y|² − w) ρ with respect to the values. The dense counterpart of `cell`: it visits every pixel.
    void add_potential(const Polygon& polygon, Vec2 o, double weight, double* gradient) const {
        if (polygon.empty()) return;
        const Extent at(polygon, x_, o.x);
        if (at.flat()) return;
        Runs runs(at.i1 - at.i0 + 1);
        const Potential add{gradient, y_.n, weight};
        Cutter(x_, y_, o, add)(polygon, at, runs.data());
        for (int i = at.i0; i <= at.i1; ++i) {
            const double xa = x_.borders[i] - o.x, xb = x_.borders[i + 1] - o.x;
            const Run run = runs.data()[i - at.i0];
            for (int j = run.begin; j < run.end; ++j) {
                const double l = y_.borders[j] - o.y, u = y_.borders[j + 1] - o.y;
                add(i, j, slice(xa, xb, l, l, u, u));
            }
        }
    }

private:
    struct Sum {
        double mass = 0, x = 0, y = 0, second = 0;
    };

    // What becomes of a piece of pixel (i, j).
    struct Weighted {
        const double* values;
        int ny;
        Sum& sum;

        void operator()(int i, int j, const Piece& piece) const {
            const double value = values[std::size_t(i) * ny + j];
            sum.mass += value * piece.area;
            sum.x += value * piece.x;
            sum.y += value * piece.y;
            sum.second += value * piece.second;
        }
        void expect([[maybe_unused]] int i, [[maybe_unused]] int j) const {
#ifdef __GNUC__
            __builtin_prefetch(values + std::size_t(i) * ny + j);
#endif
        }
    };
    struct Potential {
        double* gradient;
        int ny;
        double weight;

        void operator()(int i, int j, const Piece& piece) const {
            gradient[std::size_t(i) * ny + j] += piece.second - weight * piece.area;
        }
        void expect(int, int) const {}
    };

    PixelAxis x_, y_;
    std::vector<double> values_;
    DyadicTable table_;
    std::vector<Vec2> box_;

    const double* row(int i) const { return values_.data() + std::size_t(i) * y_.n; }

    CellMoments over(const Polygon& polygon, Vec2 o) const {
        if (polygon.empty()) return {};
        const Extent at(polygon, x_, o.x);
        if (at.flat()) return {};
        if (at.i0 == at.i1 && y_.floor(at.low.y, o.y) == y_.ceil(at.high.y, o.y) - 1) {  // inside one pixel
            const double value = row(at.i0)[y_.pixel(at.low.y, o.y)];
            if (!(value > 0)) return {};
            CellMoments area, result;
            uniform_moments(polygon, area.mass, area.first, area.second);
            result.add(value, area);
            return result;
        }
        Sum sum;
        Runs runs(at.i1 - at.i0 + 1);
        Cutter(x_, y_, o, Weighted{values_.data(), y_.n, sum})(polygon, at, runs.data());
        whole(o, at.i0, at.i1, runs.data(), sum);
        return {sum.mass, {sum.x, sum.y}, sum.second};
    }

    // Along the segment from o + a to o + b; on a border between pixels ρ is the mean of both sides (0 outside).
    LineMoments line(Vec2 a, Vec2 b, Vec2 o) const {
        const bool turned = a.x > b.x || (a.x == b.x && a.y > b.y);  // same rounding in both directions
        if (turned) std::swap(a, b);
        const EdgeCoordinate edge(a, b);
        LineMoments sum;
        if (!(edge.length > 0)) return sum;
        const Vec2 d = b - a;
        const int i = x_.pixel(a.x, o.x), j = y_.pixel(a.y, o.y);
        const int kx = x_.border_along(a.x, b.x, o.x), ky = y_.border_along(a.y, b.y, o.y);
        const auto add = [&](double share) {
            return [&, share](double value, double from, double to) {
                sum.add(share,
                        LineMoments::uniform(value, edge.start + from * edge.length, edge.start + to * edge.length));
            };
        };
        if (kx >= 0) {
            walk(a, {0, d.y}, o, kx - 1, j, add(0.5));
            walk(a, {0, d.y}, o, kx, j, add(0.5));
        } else if (ky >= 0) {
            walk(a, {d.x, 0}, o, i, ky - 1, add(0.5));
            walk(a, {d.x, 0}, o, i, ky, add(0.5));
        } else {
            walk(a, d, o, i, j, add(1.0));
        }
        if (turned) sum.first = -sum.first;
        return sum;
    }

    // Calls use(ρ, from, to) for the pieces of o + a + t d, 0 ≤ t ≤ 1, in each pixel, starting in pixel (i, j); d.x ≥ 0.
    template <class Use>
    void walk(Vec2 a, Vec2 d, Vec2 o, int i, int j, const Use& use) const {
        constexpr double never = std::numeric_limits<double>::infinity();
        const int step = d.y > 0 ? 1 : -1;
        auto leave_x = [&] { return d.x > 0 ? (x_.borders[i + 1] - o.x - a.x) / d.x : never; };
        auto leave_y = [&] { return d.y != 0 ? (y_.borders[j + (step > 0)] - o.y - a.y) / d.y : never; };
        double t = 0;
        if (i < 0 || i >= x_.n || j < 0 || j >= y_.n) return;
        double tx = leave_x(), ty = leave_y();
        while (true) {
            const double next = std::min({tx, ty, 1.0});
            if (next > t) use(row(i)[j], t, next), t = next;
            if (next >= 1) return;
            if (tx <= ty) {
                if (++i >= x_.n) return;
                tx = leave_x();
            } else {
                j += step;
                if (j < 0 || j >= y_.n) return;
                ty = leave_y();
            }
        }
    }

    // Whole pixels, given as one run per row i0 … i1: at each level the blocks that no larger block covers.
    void whole(Vec2 o, int i0, int i1, Run* runs, Sum& sum) const {
        for (int level = 0;; ++level) {
            const int shift = DyadicTable::bits * level, first = i0 >> shift, last = i1 >> shift;
            const int strips = ((x_.n - 1) >> shift) + 1, above = first >> DyadicTable::bits;
            Run* coarse = runs + (last - first + 1);
            bool more = false;
            if (level < table_.top())
                for (int r = above; r <= last >> DyadicTable::bits; ++r) {
                    const int begin = r << DyadicTable::bits, end = std::min((r + 1) << DyadicTable::bits, strips);
                    Run& run = coarse[r - above] = Run{};
                    if (begin < first || end - 1 > last) continue;
                    run = runs[begin - first];
                    for (int k = begin + 1; k < end; ++k) run = meet(run, runs[k - first]);
                    const Run inside = blocks(run, level + 1);
                    more = more || inside.begin < inside.end;
                }
            for (int r = first; r <= last; ++r) {
                const Run own = blocks(runs[r - first], level);
                if (own.begin >= own.end) continue;
                const Run taken = more ? blocks(coarse[(r >> DyadicTable::bits) - above], level + 1) : Run{};
                if (taken.begin < taken.end) {
                    add(o, level, r, own.begin, taken.begin << DyadicTable::bits, sum);
                    add(o, level, r, taken.end << DyadicTable::bits, own.end, sum);
                } else {
                    add(o, level, r, own.begin, own.end, sum);
                }
            }
            if (!more) return;
            runs = coarse;
        }
    }

    // The blocks of a level within a run of pixels; the last block may be cut off by the box.
    Run blocks(Run run, int level) const {
        const int shift = DyadicTable::bits * level, round = (1 << shift) - 1;
        return {(run.begin + round) >> shift, (run.end == y_.n ? run.end + round : run.end) >> shift};
    }

    // Blocks [begin, end) of strip r.
    void add(Vec2 o, int level, int r, int begin, int end, Sum& sum) const {
        if (begin >= end) return;
        if (level == 0) {
            const double x = (x_.borders[r] + x_.borders[r + 1]) / 2 - o.x, low = y_.borders[begin] - o.y + y_.step / 2;
            const double area = x_.step * y_.step;
            const double* value = row(r) + begin;
            double mass = 0, first = 0, second = 0;
            for (int j = 0; j < end - begin; ++j) {
                const double y = low + j * y_.step, term = value[j] * y;
                mass += value[j];
                first += term;
                second += term * y;
            }
            sum.mass += area * mass;
            sum.x += area * mass * x;
            sum.y += area * first;
            sum.second += area * (second + mass * (x * x + (x_.step * x_.step + y_.step * y_.step) / 12));
            return;
        }
        const int shift = DyadicTable::bits * level;
        const double low = x_.borders[std::size_t(r) << shift] - o.x;
        const Block* block = table_.row(level, r);
        for (int c = begin; c < end; ++c) {
            const double x = low + block[c].x, y = y_.borders[std::size_t(c) << shift] - o.y + block[c].y;
            sum.mass += block[c].mass;
            sum.x += block[c].mass * x;
            sum.y += block[c].mass * y;
            sum.second += block[c].spread + block[c].mass * (x * x + y * y);
        }
    }
};

}  // namespace diracs
