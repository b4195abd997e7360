// Locks of the whole process that a forked child must find free, whatever other threads were doing. Depends on nothing.
#pragma once

namespace tenon {

// In the order in which a thread may take them, one inside the other.
enum class ForkRank { Models, Random, Plans, Pool, Memory };

// Makes fork() call `lock` before, and after it `unlock` in the parent and `child` in the child.
void on_fork(ForkRank rank, void (*lock)(), void (*unlock)(), void (*child)());

}  // namespace tenon
