// The parts of `make sanitize`, one file for each room of the core. They exit with 1 where an answer is wrong.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace diracs {

inline void require(bool condition, const char* what, const char* input) {
    if (condition) return;
    std::printf("%s: %s\n", input, what);
    std::exit(1);
}

void check_boxes();       // sanitize_boxes.cpp
void check_laplacian();   // sanitize_laplacian.cpp
void check_meshes();      // sanitize_mesh.cpp
void check_neighbours();  // sanitize_neighbours.cpp
void check_rectangles();  // sanitize_rectangles.cpp
void check_space();       // sanitize_space.cpp
void check_updates();     // sanitize_updates.cpp

}  // namespace diracs
