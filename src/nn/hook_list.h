// Visiting the hooks of one kind.
#pragma once

#include <vector>

#include "tenon/nn/hooks.h"

namespace tenon::nn {

// Calls visit(hook, entry); hooks may add and remove hooks meanwhile, which tells at the next call.
template <class Hook, class Visit>
void for_hooks(const std::vector<detail::HookList::Entry>& hooks, detail::HookKind kind, const Visit& visit) {
  for (const detail::HookList::Entry& entry : hooks) {
    if (entry.kind == kind) visit(*static_cast<Hook*>(entry.function.get()), entry);
  }
}

}  // namespace tenon::nn
