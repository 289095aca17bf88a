// Densities on meshes: squares and cubes cut into simplices, with flat ones among them.
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "mesh/plane_mesh.hpp"
#include "mesh/space_mesh.hpp"
#include "plane/cell.hpp"
#include "plane/moments.hpp"
#include "sanitize.hpp"
#include "space/cells.hpp"
#include "space/moments.hpp"

namespace diracs {
namespace {

// The unit cube of d dimensions as nᵈ cubes of d! simplices each, with densities about one at their corners.
struct Cut {
    std::vector<double> vertices, densities;
    std::vector<int> corners;
    std::size_t count = 0;
    double mass = 0.0;

    Cut(int n, int d, bool constant, std::mt19937_64& random) {
        std::uniform_real_distribution<double> uniform(0.0, 1.0);
        const int side = n + 1, total = d == 2 ? side * side : side * side * side;
        std::vector<double> values(total);
        for (int v = 0; v < total; ++v) {
            values[v] = constant ? 1.0 : std::max(uniform(random) - 0.2, 0.0);
            for (int a = 0, rest = v; a < d; ++a, rest /= side) vertices.push_back(double(rest % side) / n);
        }
        const int steps[3] = {1, side, side * side};
        for (int v = 0; v < total; ++v) {
            bool last = false;
            for (int a = 0, rest = v; a < d; ++a, rest /= side) last = last || rest % side == n;
            if (last) continue;
            std::vector<int> order(d);
            for (int a = 0; a < d; ++a) order[a] = a;
            do {
                double sum = 0.0;
                for (int k = 0, at = v; k <= d; at += k < d ? steps[order[k]] : 0, ++k) {
                    corners.push_back(at);
                    densities.push_back(values[at]);
                    sum += values[at];
                }
                mass += sum / ((d + 1) * std::tgamma(d + 1.0) * std::pow(n, d));
                ++count;
            } while (std::next_permutation(order.begin(), order.end()));
        }
        for (int k = 0; k <= d; ++k) corners.push_back(k % 2), densities.push_back(1.0);  // one without volume
        ++count;
    }
};

void check_cells(int n, int d, bool constant, const std::vector<double>& positions, const std::vector<double>& weights,
                 const char* input) {
    std::mt19937_64 random(7);
    const Cut cut(n, d, constant, random);
    const std::size_t seeds = weights.size();
    std::vector<double> gradient(cut.count * (d + 1), 0.0);
    double total = 0.0, energy = 0.0, expected = 0.0;
    if (d == 2) {
        const Mesh mesh(cut.vertices.data(), cut.corners.data(), cut.densities.data(), cut.count);
        const Cells cells = moments(mesh, positions.data(), weights.data(), seeds, true, 2).cells;
        for (std::size_t i = 0; i < seeds; ++i) total += cells.mass[i], energy += cells.second[i];
        for (std::size_t i = 0; i < seeds; ++i) energy -= weights[i] * cells.mass[i];
        const PowerCells diagram(positions.data(), weights.data(), seeds, mesh.domain(), 1);
        CellScratch scratch;
        Mesh::Scratch own;
        for (int r = 0; r < diagram.ranks(); ++r) {
            const Vec2 y = diagram.position(r);
            mesh.add_potential(diagram.cell(r, y, scratch), y, diagram.weight(r), gradient.data(), own);
        }
        require(!mesh.overlaps(1e-9), "overlap", input);
        double peak = 0.0, part = 0.0;
        for (int k = 0; k < 4; ++k) {
            const Vec2 low = {k % 2 ? 0.3 : 0.0, k / 2 ? 0.7 : 0.0}, high = {k % 2 ? 1.0 : 0.3, k / 2 ? 1.0 : 0.7};
            part += mesh.on_rectangle(low, high, peak, own).mass;
        }
        require(std::fabs(part - cut.mass) < 1e-12, "mass of rectangles", input);
    } else {
        const space::Mesh mesh(cut.vertices.data(), cut.corners.data(), cut.densities.data(), cut.count);
        const space::Moments cells = space::moments(mesh, positions.data(), weights.data(), seeds, true, true, 2);
        for (std::size_t i = 0; i < seeds; ++i) total += cells.mass[i], energy += cells.second[i];
        for (std::size_t i = 0; i < seeds; ++i) energy -= weights[i] * cells.mass[i];
        const space::PowerCells diagram(positions.data(), weights.data(), seeds, mesh.domain(), 1);
        space::CellScratch scratch;
        space::Mesh::Scratch own;
        for (int r = 0; r < diagram.ranks(); ++r) {
            const space::Polyhedron& cell = diagram.cell(r, scratch);
            if (cell.empty()) continue;
            mesh.add_potential(cell, diagram.origin(r), diagram.position(r), diagram.weight(r), gradient.data(), own);
        }
        require(!mesh.overlaps(1e-9), "overlap in space", input);
    }
    for (std::size_t k = 0; k < gradient.size(); ++k) expected += gradient[k] * cut.densities[k];
    require(std::fabs(total - cut.mass) < 1e-11, "mass of the mesh", input);
    require(std::fabs(energy - expected) < 1e-9 * (1.0 + std::fabs(expected)), "potential on the mesh", input);
}

}  // namespace

void check_meshes() {
    std::mt19937_64 random(3);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    for (const int d : {2, 3}) {
        for (const std::size_t n : {1, 2, 5, 100}) {
            std::vector<double> spread(d * n), lattice(d * n), line(d * n), cluster(d * n), far(d * n), light(n);
            std::vector<double> zero(n, 0.0);
            for (std::size_t k = 0; k < d * n; ++k) {
                spread[k] = uniform(random);
                lattice[k] = double(random() % 8) / 8.0;
                line[k] = k % d ? line[k - 1] : uniform(random);
                cluster[k] = 0.5 + std::pow(10.0, -12.0 * uniform(random));
                far[k] = 100.0 * (uniform(random) - 0.5);
            }
            for (double& w : light) w = 1e-2 * uniform(random);
            for (const int side : {1, 4}) {
                for (const bool constant : {false, true}) {
                    for (const auto* weights : {&zero, &light}) {
                        check_cells(side, d, constant, spread, *weights, "spread on a mesh");
                        check_cells(side, d, constant, lattice, *weights, "lattice on a mesh");
                        check_cells(side, d, constant, line, *weights, "line on a mesh");
                        check_cells(side, d, constant, cluster, *weights, "cluster on a mesh");
                        check_cells(side, d, constant, far, zero, "far from a mesh");
                    }
                }
            }
        }
    }
}

}  // namespace diracs
