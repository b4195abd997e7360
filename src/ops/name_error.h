// Errors that an op lets through from the ops that it is made of, under the name of the op that was called.
#pragma once

#include <string_view>

namespace tenon {

// Rethrows the error in flight; call it inside a catch block. A message that does not begin with the name of `op` gets
// it in front: "hstack: cat: the shapes ...". What the standard library throws for want of memory becomes
// OutOfMemoryError.
[[noreturn]] void rethrow_naming(std::string_view op);

}  // namespace tenon
