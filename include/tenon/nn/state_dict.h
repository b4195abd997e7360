// The tensors of a module by the names that PyTorch's state_dict gives them, and loading them back.
#pragma once

#include <string>
#include <vector>

#include "tenon/nn/module.h"

namespace tenon::nn {

// Parameters and persistent buffers, detached, of a module and those below it: of each its own before those of its
// submodules.
TENON_API StateDict state_dict(const Module& module);

// What did not fit when a state was loaded.
struct LoadReport {
  std::vector<std::string> missing_keys, unexpected_keys;
  // One sentence per tensor whose shape is not the module's.
  std::vector<std::string> mismatches;

  bool ok() const { return missing_keys.empty() && unexpected_keys.empty() && mismatches.empty(); }
};

// Copies `state` into the module's tensors, where the names and shapes agree; `assign` takes its tensors, with their
// dtype and device, instead. If `strict`, a missing or unexpected key is an error, and so is another shape always; the
// error lists all that is wrong, and the module is left as it was.
TENON_API LoadReport load_state_dict(Module& module, StateDict state, bool strict = true, bool assign = false);

}  // namespace tenon::nn
