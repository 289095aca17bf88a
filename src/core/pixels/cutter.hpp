// A convex polygon cut along the borders of a lattice of pixels.
//
// Row by row (fixed i, along y) the polygon lies between a lower and an upper chain of edges. Pixels that a chain crosses
// are cut exactly; what remains of a row is one run of whole pixels.
#pragma once

#include <algorithm>
#include <cstddef>

#include "pixels/pixels.hpp"
#include "plane/polygon.hpp"

namespace diracs {

// Walks along the lower (step 1) or upper (step −1) edges of a counterclockwise polygon from left to right.
class Chain {
public:
    Vec2 a, b;  // the current edge

    Chain(const Polygon& polygon, std::size_t start, int step, double right)
        : polygon_(&polygon), k_(start), step_(step), right_(right) {
        b = polygon[start];
        advance(b.x);
    }

    // To the edge that starts at x or contains it. True if a vertical edge was passed, so that `at(x)` has jumped: rounding
    // can put a vertex of the leftmost or rightmost edge first.
    bool advance(double x) {
        if (b.x > x || b.x >= right_) return false;
        int steps = 0;
        do step(), ++steps;
        while (b.x <= x && b.x < right_);
        slope_ = (b.y - a.y) / (b.x - a.x);
        return steps > 1;
    }

    // To the edge that contains or ends at x.
    void reach(double x) {
        while (b.x < x && b.x < right_) step();
        slope_ = (b.y - a.y) / (b.x - a.x);
    }

    double at(double x) const {
        if (x <= a.x) return a.y;
        const double y = x < b.x ? a.y + slope_ * (x - a.x) : b.y;
        return std::clamp(y, std::min(a.y, b.y), std::max(a.y, b.y));
    }

private:
    const Polygon* polygon_;
    std::size_t k_;
    int step_;
    double right_, slope_ = 0;

    void step() {
        a = b;
        k_ = step_ > 0 ? polygon_->next(k_) : (k_ == 0 ? polygon_->size() : k_) - 1;
        b = (*polygon_)[k_];
    }
};

// The bounding box of a polygon, the ends of its chains and the rows i0 … i1 that it meets.
struct Extent {
    Vec2 low, high;
    std::size_t lower = 0, upper = 0;  // the lowest and the highest of its leftmost vertices
    int i0 = 0, i1 = 0;

    Extent(const Polygon& polygon, const PixelAxis& x, double origin) : low(polygon[0]), high(polygon[0]) {
        for (std::size_t k = 1; k < polygon.size(); ++k) {
            const Vec2 v = polygon[k];
            if (v.x < polygon[lower].x || (v.x == polygon[lower].x && v.y < polygon[lower].y)) lower = k;
            if (v.x < polygon[upper].x || (v.x == polygon[upper].x && v.y > polygon[upper].y)) upper = k;
            low = {std::min(low.x, v.x), std::min(low.y, v.y)};
            high = {std::max(high.x, v.x), std::max(high.y, v.y)};
        }
        i0 = x.pixel(low.x, origin);
        i1 = std::max(x.ceil(high.x, origin) - 1, i0);
    }

    bool flat() const { return !(low.x < high.x) || !(low.y < high.y); }
};

// The pieces of a polygon, given relative to the seed o: add(i, j, piece) takes the piece in pixel (i, j), and
// add.expect(i, j) hears early about a pixel that may follow.
template <class Add>
class Cutter {
public:
    Cutter(const PixelAxis& x, const PixelAxis& y, Vec2 o, const Add& add) : x_(x), y_(y), o_(o), add_(add) {}

    // Calls add for the pixels that the boundary crosses; `runs` receives the whole pixels of rows i0 … i1.
    void operator()(const Polygon& polygon, const Extent& at, Run* runs) const {
        const double right = at.high.x;
        Chain lower(polygon, at.lower, 1, right), upper(polygon, at.upper, -1, right);
        Section a = section(at.low.x, lower, upper);
        bool on_border = x_.borders[at.i0] - o_.x == at.low.x;
        for (int i = at.i0; i <= at.i1; ++i) {
            const double border = x_.borders[i + 1] - o_.x, end = i < at.i1 ? border : right;
            Run whole{0, 0};  // the pixels with all four corners inside
            auto enclose = [&](const Section& b) {
                if (on_border && end == border) whole = {std::max(a.l_ceil, b.l_ceil), std::min(a.u_floor, b.u_floor)};
                runs[i - at.i0] = whole;
            };
            double x = std::min(lower.b.x, upper.b.x);
            const bool plain = x >= end;
            if (!plain) {  // vertices within the row
                Chain lower_ahead = lower, upper_ahead = upper;
                lower_ahead.reach(end), upper_ahead.reach(end);
                enclose(section(end, lower_ahead, upper_ahead));
            }
            for (; x < end; x = std::min(lower.b.x, upper.b.x)) {
                const Section b = section(x, lower, upper);
                strip(i, whole, a, b);
                a = next(b, lower, upper);
            }
            const Section b = section(end, lower, upper);
            if (plain) enclose(b);
            strip(i, whole, a, b);
            a = next(b, lower, upper);
            on_border = true;
        }
    }

private:
    // The polygon on a line of constant x: both ends with the borders around them.
    struct Section {
        double x, l, u;
        int l_floor, l_ceil, u_floor, u_ceil;
    };

    const PixelAxis &x_, &y_;
    Vec2 o_;
    Add add_;

    static constexpr int ahead_ = 4;  // rows; enough to hide the latency of memory

    double border(int j) const { return y_.borders[j] - o_.y; }
    int extend(int a, int b) const { return std::clamp(b + (ahead_ - 1) * (b - a), 0, y_.n - 1); }

    Section section(double x, const Chain& lower, const Chain& upper) const {
        const double l = lower.at(x), u = std::max(upper.at(x), l);
        const int l_floor = y_.floor(l, o_.y), u_floor = y_.floor(u, o_.y);
        return {x,
                l,
                u,
                l_floor,
                l_floor + (l_floor < y_.n && border(l_floor) < l),
                u_floor,
                u_floor + (u_floor < y_.n && border(u_floor) < u)};
    }

    // The section where the next strip begins.
    Section next(const Section& b, Chain& lower, Chain& upper) const {
        const bool jump_l = lower.advance(b.x), jump_u = upper.advance(b.x);
        return jump_l || jump_u ? section(b.x, lower, upper) : b;
    }

    // Row i between two sections with straight chords.
    void strip(int i, Run whole, const Section& a, const Section& b) const {
        if (!(a.x < b.x)) return;
        const int first = std::min({a.l_floor, b.l_floor, y_.n - 1}), last = std::max({a.u_ceil, b.u_ceil, 1}) - 1;
        if (whole.begin < whole.end) {
            add_.expect(std::min(i + ahead_, x_.n - 1), extend(a.l_floor, b.l_floor));
            add_.expect(std::min(i + ahead_, x_.n - 1), extend(a.u_floor, b.u_floor));
            above<1>(i, first, whole.begin, a.x, b.x, a.l, b.l);
            above<-1>(i, last, whole.end - 1, a.x, b.x, -a.u, -b.u);
            return;
        }
        const int l_end = std::max(a.l_ceil, b.l_ceil), u_begin = std::min(a.u_floor, b.u_floor);
        if (first >= last) {
            add_(i, first, slice(a.x, b.x, a.l, b.l, a.u, b.u));
        } else if (l_end <= u_begin) {
            above<1>(i, first, l_end, a.x, b.x, a.l, b.l);
            for (int j = l_end; j < u_begin; ++j)
                add_(i, j, slice(a.x, b.x, border(j), border(j), border(j + 1), border(j + 1)));
            above<-1>(i, last, u_begin - 1, a.x, b.x, -a.u, -b.u);
        } else {
            between(i, first, last, a, b);
        }
    }

    // Pixels first, first + sign, … before `end`, above the chord from (xa, ya) to (xb, yb); sign = −1: mirrored in y.
    // Such a pixel holds a rectangle of width w and full height h, where the chord has already passed below, and a trapezoid
    // of width d and heights p, q; their integrals are taken about the corner that both touch, where all terms are positive.
    template <int sign>
    void above(int i, int first, int end, double xa, double xb, double ya, double yb) const {
        const bool rising = ya < yb;
        const double forward = rising ? 1 : -1, start = rising ? xa : xb, width = xb - xa;
        const double low = std::min(ya, yb), high = std::max(ya, yb);
        const double slope = high > low ? width / (high - low) : 0;
        double w = 0, y = low;
        for (int j = first; sign > 0 ? j < end : j > end; j += sign) {
            const double bottom = sign > 0 ? border(j) : -border(j + 1), top = sign > 0 ? border(j + 1) : -border(j);
            const double h = top - bottom,
                         next = high <= top ? width : std::max(w, std::min(width, (top - low) * slope));
            const double d = next - w, p = std::clamp(top - y, 0.0, h), q = std::clamp(top - high, 0.0, h), pq = p + q;
            const double wh = w * h, area = wh + d * pq / 2;
            const double u = wh * w / 2 + d * (w * pq / 2 + d * (pq + q) / 6);
            const double v = wh * h / 2 + d * (p * pq + q * q) / 6;
            const double uv = wh * (w * w + h * h) / 3 + d * (w * (w * pq / 2 + d * (pq + q) / 3) +
                                                              (d * d * (pq + 2 * q) + pq * (p * p + q * q)) / 12);
            const double bx = forward * u, by = -v;
            add_(i, j,
                 Piece{area, area * start + bx, sign * (area * top + by),
                       uv + 2 * (start * bx + top * by) + area * (start * start + top * top)});
            w = next, y = top;
        }
    }

    // Both chords may cross the same pixels: the quadrangle is cut at one border after the other.
    void between(int i, int first, int last, const Section& a, const Section& b) const {
        Part rest;
        rest.push({a.x, a.l}), rest.push({b.x, b.l}), rest.push({b.x, b.u}), rest.push({a.x, a.u});
        for (int j = first; j <= last; ++j) {
            Part below, above;
            if (j < last)
                rest.split(border(j + 1), below, above);
            else
                below = rest;
            add_(i, j, below.piece());
            rest = above;
        }
    }

    // A convex polygon of few vertices. A quadrangle cut by two parallel lines has at most six.
    struct Part {
        int n = 0;
        Vec2 v[8];

        void push(Vec2 p) { v[n++] = p; }

        void split(double y, Part& below, Part& above) const {
            for (int k = 0; k < n; ++k) {
                const Vec2 p = v[k], q = v[k + 1 == n ? 0 : k + 1];
                if (p.y <= y) below.push(p);
                if (p.y >= y) above.push(p);
                if ((p.y < y && q.y > y) || (p.y > y && q.y < y)) {
                    const double t = (y - p.y) / (q.y - p.y);
                    const Vec2 cut{p.x + t * (q.x - p.x), y};
                    below.push(cut), above.push(cut);
                }
            }
        }

        // A fan of triangles, as in uniform_moments.
        Piece piece() const {
            Piece sum;
            for (int k = 1; k + 1 < n; ++k) {
                const double twice = cross(v[k] - v[0], v[k + 1] - v[k]);
                if (!(twice > 0)) continue;
                const Vec2 total = v[0] + v[k] + v[k + 1];
                sum.area += twice / 2;
                sum.x += twice / 6 * total.x;
                sum.y += twice / 6 * total.y;
                sum.second += twice / 24 * (norm2(v[0]) + norm2(v[k]) + norm2(v[k + 1]) + norm2(total));
            }
            return sum;
        }
    };
};

}  // namespace diracs
