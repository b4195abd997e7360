// See pickle_values.h; this file reads.
#include <algorithm>
#include <deque>

#include "io/dtype_names.h"
#include "io/pickle_machine.h"
#include "io/pickle_values.h"
#include "io/source.h"

namespace tenon::io {
namespace {

// Containers may share and contain each other while a pickle is read; they live until all of it is.
struct Node {
  enum class Kind { Leaf, List, Tuple, Dict, Global, Storage };
  enum class Progress { Untouched, Begun, Done };

  Kind kind = Kind::Leaf;
  Value value;  // of a leaf; the name of a global; later what a container became
  std::vector<Node*> items;  // of a dict: keys and values by turns
  StoragePtr storage;
  ScalarType dtype = kByte;  // of a storage
  Progress progress = Progress::Untouched;
};

// Deeper nesting than any checkpoint has, and than the stack is sure to bear.
constexpr int kGreatestDepth = 500;

[[noreturn]] void refuse(std::string_view name) {
  detail::fail<UnpicklingError>("Unsupported global: GLOBAL ", name, " was not an allowed global by default. Files ",
                                "are read without running code from them, so it has no meaning here.");
}

class ValueBuilder {
 public:
  using Object = Node*;

  explicit ValueBuilder(const StorageLoader& load) : load_(load) {}

  void protocol(int) {}
  Node* none() { return leaf({}); }
  Node* boolean(bool value) { return leaf(value); }
  Node* integer(int64_t value) { return leaf(value); }
  Node* big_integer(std::string_view) { detail::fail<UnpicklingError>("an integer of more than 64 bits"); }
  Node* real(double value) { return leaf(value); }
  Node* text(std::string_view bytes) { return leaf(std::string(bytes)); }
  Node* old_string(std::string_view bytes) { return text(bytes); }
  Node* bytes(std::string_view bytes) { return leaf(Value::bytes(std::string(bytes))); }
  Node* byte_array(std::string_view bytes) { return this->bytes(bytes); }
  Node* list() { return make(Node::Kind::List); }
  Node* set() { return list(); }
  Node* dict() { return make(Node::Kind::Dict); }
  Node* tuple(std::span<Node*> items) { return make(Node::Kind::Tuple, {items.begin(), items.end()}); }
  Node* frozen_set(std::span<Node*> items) { return make(Node::Kind::List, {items.begin(), items.end()}); }
  void append(Node* list, std::span<Node*> items) {
    TENON_CHECK_AS(UnpicklingError, list->kind == Node::Kind::List, "Can only append to lists");
    list->items.insert(list->items.end(), items.begin(), items.end());
  }
  void add_items(Node* set, std::span<Node*> items) { append(set, items); }
  void set_items(Node* dict, std::span<Node*> items) {
    TENON_CHECK_AS(UnpicklingError, dict->kind == Node::Kind::Dict, "Can only set items of dicts");
    dict->items.insert(dict->items.end(), items.begin(), items.end());
  }
  const std::string& as_text(const Node* node) const {
    TENON_CHECK_AS(UnpicklingError, node->kind == Node::Kind::Leaf && node->value.kind() == Value::Kind::String,
                   "a string was expected");
    return node->value.to_string();
  }

  Node* global(std::string_view module, std::string_view name) {
    if (module == "torch") {
      if (const auto dtype = dtype_of_name(name)) return leaf(*dtype);
    }
    Node* node = make(Node::Kind::Global);
    node->value = Value(concat(module, ".", name));
    return node;
  }

  Node* reduce(Node* function, Node* arguments) {
    const std::string& name = global_name(function);
    const Arguments given(name, arguments);
    if (name == "torch._utils._rebuild_tensor_v2" || name == "torch._utils._rebuild_tensor") {
      return tensor(given, false);
    }
    if (name == "torch._utils._rebuild_tensor_v3") return tensor(given, true);
    if (name == "torch._utils._rebuild_parameter" || name == "torch._utils._rebuild_parameter_with_state") {
      return parameter(given[0], given[1]->value.to_bool());
    }
    if (name == "torch._tensor._rebuild_from_type_v2") return reduce(given[0], given[2]);
    if (name == "collections.OrderedDict") return ordered_dict(given);
    if (name == "collections.Counter") return given.size() > 0 ? given[0] : dict();
    if (name == "torch.Size") return given[0];
    if (name == "torch.device") return device(given);
    if (name == "builtins.set" || name == "__builtin__.set") return given.size() > 0 ? given[0] : list();
    if (name == "builtins.complex" || name == "__builtin__.complex") {
      return leaf(std::complex<double>(given[0]->value.to_double(), given[1]->value.to_double()));
    }
    if (name == "_codecs.encode") return leaf(Value::bytes(latin1(as_text(given[0]))));
    if (name == "builtins.bytearray" || name == "__builtin__.bytearray") {
      return leaf(Value::bytes(given.size() > 0 ? given[0]->value.to_string() : ""));
    }
    if (name.starts_with("torch.jit._pickle.")) return given[0];
    refuse(name);
  }

  // Of TorchScript's archives an object is the dict of its attributes.
  Node* new_object(Node* cls, Node* arguments, Node* const* keywords) {
    const std::string& name = global_name(cls);
    if (keywords) refuse(name);
    if (name == "torch.nn.parameter.Parameter") return parameter(Arguments(name, arguments)[0], true);
    if (name == "collections.OrderedDict" || name.starts_with("__torch__.")) return dict();
    refuse(name);
  }

  void build(Node* object, Node* state) {
    if (object->kind == Node::Kind::Dict && state->kind == Node::Kind::Dict && object->items.empty()) {
      object->items = state->items;
    }
  }

  Node* persistent(Node* id) {
    TENON_CHECK_AS(UnpicklingError, id->kind == Node::Kind::Tuple && id->items.size() >= 5 &&
                                        as_text(id->items[0]) == "storage",
                   "Only persistent_load of storage is allowed");
    const std::string& type = global_name(id->items[1]);
    const auto dtype = dtype_of_storage(std::string_view(type).substr(type.rfind('.') + 1));
    if (!dtype || !type.starts_with("torch.")) refuse(type);
    TENON_CHECK_AS(UnpicklingError, id->items.size() == 5 || is_none(id->items[5]),
                   "a storage that views another one, as PyTorch before 0.4 wrote them, is not read");
    const int64_t count = integer_of(id->items[4]);
    uint64_t nbytes = 0;
    TENON_CHECK_AS(UnpicklingError,
                   count >= 0 && !__builtin_mul_overflow(static_cast<uint64_t>(count), element_size(*dtype), &nbytes),
                   "a storage has ", count, " elements");
    Node* node = make(Node::Kind::Storage);
    node->dtype = *dtype;
    node->storage = load_({as_text(id->items[2]), as_text(id->items[3]), *dtype, nbytes});
    return node;
  }

  // What a node stands for in the end; a container that contains itself stands for nothing.
  const Value& finish(Node* node, int depth = 0) {
    TENON_CHECK_AS(UnpicklingError, depth < kGreatestDepth, "containers are nested deeper than ", kGreatestDepth);
    TENON_CHECK_AS(UnpicklingError, node->progress != Node::Progress::Begun, "a container contains itself");
    if (node->kind == Node::Kind::Leaf || node->progress == Node::Progress::Done) return node->value;
    TENON_CHECK_AS(UnpicklingError, node->kind != Node::Kind::Storage, "storages are read only as part of tensors");
    if (node->kind == Node::Kind::Global) refuse(node->value.to_string());
    node->progress = Node::Progress::Begun;
    if (node->kind == Node::Kind::Dict) {
      Value::Dict dict;
      dict.reserve(node->items.size() / 2);
      for (size_t i = 0; i + 1 < node->items.size(); i += 2) {
        dict.emplace_back(finish(node->items[i], depth + 1), finish(node->items[i + 1], depth + 1));
      }
      node->value = Value::dict(std::move(dict));
    } else {
      Value::List list;
      list.reserve(node->items.size());
      for (Node* item : node->items) list.push_back(finish(item, depth + 1));
      node->value = node->kind == Node::Kind::Tuple ? Value::tuple(std::move(list)) : Value::list(std::move(list));
    }
    node->progress = Node::Progress::Done;
    return node->value;
  }

 private:
  // What a call is given; one that is missing is an error that names the function.
  class Arguments {
   public:
    Arguments(std::string_view function, const Node* arguments) : function_(function), items_(arguments->items) {
      TENON_CHECK_AS(UnpicklingError, arguments->kind == Node::Kind::Tuple, function, " is called with no tuple");
    }
    Node* operator[](size_t i) const {
      TENON_CHECK_AS(UnpicklingError, i < items_.size(), function_, " is called with ", items_.size(), " arguments");
      return items_[i];
    }
    size_t size() const { return items_.size(); }

   private:
    std::string_view function_;
    const std::vector<Node*>& items_;
  };

  Node* make(Node::Kind kind, std::vector<Node*> items = {}) {
    Node& node = nodes_.emplace_back();
    node.kind = kind;
    node.items = std::move(items);
    return &node;
  }
  Node* leaf(Value value) {
    Node* node = make(Node::Kind::Leaf);
    node->value = std::move(value);
    return node;
  }
  static bool is_none(const Node* node) { return node->kind == Node::Kind::Leaf && node->value.is_none(); }
  static int64_t integer_of(const Node* node) { return node->value.to_int(); }
  static std::vector<int64_t> integers_of(const Node* node) {
    std::vector<int64_t> values(node->items.size());
    std::transform(node->items.begin(), node->items.end(), values.begin(), integer_of);
    return values;
  }
  const std::string& global_name(const Node* node) const {
    TENON_CHECK_AS(UnpicklingError, node->kind == Node::Kind::Global, "what is called is no global");
    return node->value.to_string();
  }

  Node* tensor(const Arguments& given, bool has_dtype) {
    const Node* storage = given[0];
    TENON_CHECK_AS(UnpicklingError, storage->kind == Node::Kind::Storage, "a tensor without a storage");
    const ScalarType dtype = has_dtype ? given[6]->value.to_dtype() : storage->dtype;
    const Tensor tensor = tensor_over(storage->storage, dtype, integers_of(given[2]), integers_of(given[3]),
                                      integer_of(given[1]), "a tensor");
    if (given.size() > 4 && given[4]->value.to_bool()) set_requires_grad(tensor);
    return leaf(tensor);
  }
  Node* parameter(const Node* data, bool requires_grad) {
    const Tensor tensor = data->value.to_tensor().detach();
    if (requires_grad) set_requires_grad(tensor);
    return leaf(tensor);
  }
  static void set_requires_grad(const Tensor& tensor) {
    TENON_CHECK_AS(UnpicklingError, is_differentiable(tensor.dtype()), "a tensor of ", tensor.dtype(),
                   " requires a gradient");
    tensor.requires_grad_(true);
  }
  Node* ordered_dict(const Arguments& given) {
    Node* made = dict();
    if (given.size() == 0) return made;
    for (Node* pair : given[0]->items) {
      TENON_CHECK_AS(UnpicklingError, pair->items.size() == 2, "collections.OrderedDict is made of no pairs");
      made->items.insert(made->items.end(), pair->items.begin(), pair->items.end());
    }
    return made;
  }
  Node* device(const Arguments& given) {
    std::string name = as_text(given[0]);
    if (given.size() > 1 && !is_none(given[1])) name += ":" + std::to_string(integer_of(given[1]));
    return leaf(Device(name));
  }
  // What Python's latin1 encodes: each code point, of which none is above 255, as a byte.
  static std::string latin1(const std::string& utf8) {
    std::string bytes;
    for (size_t i = 0; i < utf8.size(); ++i) {
      const auto first = static_cast<uint8_t>(utf8[i]);
      if (first < 0x80) {
        bytes += static_cast<char>(first);
        continue;
      }
      TENON_CHECK_AS(UnpicklingError, (first & 0xfc) == 0xc0 && i + 1 < utf8.size(), "bytes outside latin1");
      bytes += static_cast<char>((first & 3) << 6 | (static_cast<uint8_t>(utf8[++i]) & 0x3f));
    }
    return bytes;
  }

  const StorageLoader& load_;
  std::deque<Node> nodes_;
};

}  // namespace

Value unpickle(std::string_view& bytes, const StorageLoader& load) {
  ValueBuilder builder(load);
  PickleMachine machine(bytes, builder);
  Node* const result = machine.run();
  bytes.remove_prefix(machine.position());
  return builder.finish(result);
}

}  // namespace tenon::io
