// Per-thread free lists for the small objects that every op makes: tensors, nodes and metas. Depends on nothing.
#pragma once

#include <cstddef>

namespace tenon {

// At least `bytes` bytes, aligned as ::operator new aligns.
void* take_block(size_t bytes);
// Gives back a block of take_block(bytes), on any thread.
void give_block(void* block, size_t bytes);

}  // namespace tenon
