// Modules saved into archives and loaded from them; see nn/module.h.
#include "tenon/nn/module.h"

#include "tenon/io/serialize.h"

namespace tenon::nn {

void Module::save(serialize::OutputArchive& archive) const {
  for (const auto& item : named_parameters(false)) archive.write(item.key(), item.value());
  for (const auto& item : named_buffers(false)) archive.write(item.key(), item.value(), true);
  for (const auto& child : children_) {
    if (!child.value()->is_serializable()) continue;
    serialize::OutputArchive nested;
    child.value()->save(nested);
    archive.write(child.key(), nested);
  }
}

void Module::load(serialize::InputArchive& archive) {
  for (auto& item : parameters_) {
    if (item->defined()) archive.read(item.key(), item.value());
  }
  for (auto& item : buffers_) {
    if (item->defined()) archive.read(item.key(), item.value(), true);
  }
  for (const auto& child : children_) {
    if (!child.value()->is_serializable()) continue;
    serialize::InputArchive nested;
    archive.read(child.key(), nested);
    child.value()->load(nested);
  }
}

}  // namespace tenon::nn
