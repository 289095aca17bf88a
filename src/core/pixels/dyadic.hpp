// Mass, barycenter and second moment of every aligned block of 4ᵏ × 4ᵏ pixels of an image.
//
// A block is stored by its barycenter and its second moment about that barycenter, so a union of blocks and a change of
// reference point are sums of non-negative terms: a block of mass 1e-21 beside one of mass 1 keeps all its digits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace diracs {

struct Block {
    double mass = 0, x = 0, y = 0;  // the barycenter, as an offset from the block's low corner
    double spread = 0;              // ∫|u − barycenter|² dρ
};

// Level k ≥ 1 has blocks of 4ᵏ × 4ᵏ pixels, smaller at the high ends; level 0, the pixels, stays in the image itself.
// Radix 4 costs 1/4 of the image's memory; radix 2 would cost 4/3 of it for the same speed.
class DyadicTable {
public:
    static constexpr int bits = 2;

    DyadicTable(const double* values, int nx, int ny, double dx, double dy) {
        const double area = dx * dy, spread = (dx * dx + dy * dy) / 12;
        auto pixel = [&](int i, int j) {
            const double mass = values[std::size_t(i) * ny + j] * area;
            return Block{mass, dx / 2, dy / 2, mass * spread};
        };
        if (nx <= 1 && ny <= 1) return;
        levels_.push_back(merge(nx, ny, dx, dy, pixel));
        while (levels_.back().rows > 1 || levels_.back().columns > 1) {
            const Level& fine = levels_.back();
            dx *= 1 << bits, dy *= 1 << bits;
            auto block = [&](int i, int j) { return fine.blocks[std::size_t(i) * fine.columns + j]; };
            levels_.push_back(merge(fine.rows, fine.columns, dx, dy, block));
        }
    }

    int top() const { return int(levels_.size()); }
    const Block* row(int level, int r) const {
        const Level& at = levels_[level - 1];
        return at.blocks.data() + std::size_t(r) * at.columns;
    }

private:
    struct Level {
        int rows, columns;
        std::vector<Block> blocks;
    };
    std::vector<Level> levels_;

    // `child(i, j)` is a block of dx × dy on an nx × ny lattice.
    template <class Child>
    static Level merge(int nx, int ny, double dx, double dy, const Child& child) {
        constexpr int radix = 1 << bits;
        Level level{(nx - 1) / radix + 1, (ny - 1) / radix + 1, {}};
        level.blocks.resize(std::size_t(level.rows) * level.columns);
        for (int r = 0; r < level.rows; ++r)
            for (int c = 0; c < level.columns; ++c) {
                const int i0 = r * radix, i1 = std::min(i0 + radix, nx), j0 = c * radix, j1 = std::min(j0 + radix, ny);
                Block& sum = level.blocks[std::size_t(r) * level.columns + c];
                double bx = 0, by = 0;
                for (int i = i0; i < i1; ++i)
                    for (int j = j0; j < j1; ++j) {
                        const Block part = child(i, j);
                        sum.mass += part.mass;
                        bx += part.mass * ((i - i0) * dx + part.x);
                        by += part.mass * ((j - j0) * dy + part.y);
                    }
                if (!(sum.mass > 0)) continue;
                sum.x = bx / sum.mass, sum.y = by / sum.mass;
                for (int i = i0; i < i1; ++i)
                    for (int j = j0; j < j1; ++j) {
                        const Block part = child(i, j);
                        const double u = (i - i0) * dx + part.x - sum.x, v = (j - j0) * dy + part.y - sum.y;
                        sum.spread += part.spread + part.mass * (u * u + v * v);
                    }
            }
        return level;
    }
};

}  // namespace diracs
