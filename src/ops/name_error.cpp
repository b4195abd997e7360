// Rethrowing errors under the name of the op that was called; see name_error.h.
#include "ops/name_error.h"

#include <cctype>
#include <new>
#include <stdexcept>
#include <typeinfo>

#include "tenon/backend/memory.h"
#include "tenon/base/error.h"

namespace tenon {
namespace {

// Whether the message begins with the name; that of an in-place form may go without its underscore.
bool begins_with(std::string_view message, std::string_view op) {
  if (op.ends_with('_')) op.remove_suffix(1);
  if (!message.starts_with(op)) return false;
  message.remove_prefix(op.size());
  if (message.starts_with('_')) message.remove_prefix(1);
  return message.empty() || !(std::isalnum(static_cast<unsigned char>(message.front())) || message.front() == '_');
}

// Throws if the error is an E itself; a class that another library derived from it is not.
template <class E>
void throw_if(const Error& error, const std::string& message) {
  if (typeid(error) == typeid(E)) throw E(message);
}

[[noreturn]] void throw_out_of_memory(std::string_view op, const char* what) {
  const MemoryStats now = memory_stats();
  detail::fail<OutOfMemoryError>(op, ": out of memory for what the op keeps besides tensors (", what,
                                 "); tensors have in use ", now.in_use, " bytes, peak ", now.peak);
}

}  // namespace

void rethrow_naming(std::string_view op) {
  try {
    throw;
  } catch (const Error& error) {
    if (begins_with(error.what(), op)) throw;
    const std::string message = concat(op, ": ", error.what());
    throw_if<TensorError>(error, message);
    throw_if<DeviceError>(error, message);
    throw_if<IndexError>(error, message);
    throw_if<ValueError>(error, message);
    throw_if<TypeError>(error, message);
    throw_if<NotImplementedError>(error, message);
    throw_if<LinAlgError>(error, message);
    throw_if<OutOfMemoryError>(error, message);
    throw_if<Error>(error, message);
    throw;
  } catch (const std::bad_alloc& error) {
    throw_out_of_memory(op, error.what());
  } catch (const std::length_error& error) {
    throw_out_of_memory(op, error.what());
  }
}

}  // namespace tenon
