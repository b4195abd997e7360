// einsum: each operand's dims are lined up by label, then pairs are contracted from left to right by batched products.
#include <algorithm>
#include <array>
#include <vector>

#include "ops/autocast.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// Labels in the order of the lined-up dims: letters by name, each dim of the ellipsis by a number of its own.
using Label = int;
constexpr Label kEllipsis = 256;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The labels of one operand's subscript; the ellipsis stays one label, kEllipsis.
std::vector<Label> parse_subscript(std::string_view text) {
  std::vector<Label> labels;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text[i] == '.') {
      TENON_CHECK(text.substr(i, 3) == "...", "einsum: a dot that is not part of an ellipsis '...' in '", text, "'");
      TENON_CHECK(!std::count(labels.begin(), labels.end(), kEllipsis), "einsum: more than one ellipsis in '", text,
                  "'");
      labels.push_back(kEllipsis);
      i += 2;
      continue;
    }
    TENON_CHECK(is_letter(text[i]), "einsum: '", text[i], "' is not a label; labels are letters");
    labels.push_back(static_cast<unsigned char>(text[i]));
  }
  return labels;
}

// Replaces the ellipsis by one label per dim that it stands for, counted so that last dims line up.
std::vector<Label> spread_ellipsis(const std::vector<Label>& labels, int64_t count) {
  std::vector<Label> spread;
  for (Label label : labels) {
    if (label != kEllipsis) {
      spread.push_back(label);
      continue;
    }
    for (int64_t i = count; i > 0; --i) spread.push_back(kEllipsis + static_cast<Label>(i));
  }
  return spread;
}

// An operand whose dims carry distinct labels.
struct Labelled {
  Tensor tensor;
  std::vector<Label> labels;

  int64_t find(Label label) const {
    auto at = std::find(labels.begin(), labels.end(), label);
    return at == labels.end() ? -1 : at - labels.begin();
  }
};

// Dims with one label twice become their diagonal, a view.
Labelled merge_repeated(Tensor tensor, std::vector<Label> labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    for (size_t j = labels.size(); --j > i;) {
      if (labels[j] != labels[i]) continue;
      TENON_CHECK(tensor.sizes()[i] == tensor.sizes()[j], "einsum: label '", static_cast<char>(labels[i]),
                  "' stands for sizes ", tensor.sizes()[i], " and ", tensor.sizes()[j], " of one operand");
      DimVector sizes = tensor.impl()->sizes, strides = tensor.impl()->strides;
      strides[i] += strides[j];
      sizes.erase(j);
      strides.erase(j);
      tensor = tensor.as_strided(sizes, strides, tensor.storage_offset());
      labels.erase(labels.begin() + static_cast<std::ptrdiff_t>(j));
    }
  }
  return {tensor, labels};
}

// The operand with its dims in the order of `order`; labels it lacks become dims of size one.
Tensor arranged(const Labelled& x, const std::vector<Label>& order) {
  DimVector dims;
  for (Label label : order) {
    if (x.find(label) >= 0) dims.push_back(x.find(label));
  }
  Tensor out = x.tensor.permute(dims);
  for (size_t i = 0; i < order.size(); ++i) {
    if (x.find(order[i]) < 0) out = out.unsqueeze(static_cast<int64_t>(i));
  }
  return out;
}

int64_t size_of(const Labelled& x, Label label) {
  const int64_t at = x.find(label);
  return at < 0 ? 1 : x.tensor.size(at);
}

Labelled summed_over(const Labelled& x, const std::vector<Label>& dropped, optional<ScalarType> dtype) {
  DimVector dims;
  Labelled out;
  for (size_t i = 0; i < x.labels.size(); ++i) {
    if (std::count(dropped.begin(), dropped.end(), x.labels[i])) {
      dims.push_back(static_cast<int64_t>(i));
    } else {
      out.labels.push_back(x.labels[i]);
    }
  }
  out.tensor = dims.empty() ? x.tensor : x.tensor.sum(dims, false, dtype);
  return out;
}

// The product of two operands, summed over the labels that `kept` lacks.
Labelled contract(Labelled a, Labelled b, const std::vector<Label>& kept) {
  auto is_kept = [&](Label label) { return std::count(kept.begin(), kept.end(), label) > 0; };
  // A label that only one side has (at more than size one) and nobody needs later is summed before the product.
  std::vector<Label> only_a, only_b, batch, summed, left, right;
  std::vector<Label> all = a.labels;
  for (Label label : b.labels) {
    if (a.find(label) < 0) all.push_back(label);
  }
  for (Label label : all) {
    const bool in_a = size_of(a, label) != 1, in_b = size_of(b, label) != 1;
    if (in_a && in_b) {
      (is_kept(label) ? batch : summed).push_back(label);
    } else if (is_kept(label)) {
      (in_a ? left : right).push_back(label);
    } else if (in_b) {
      only_b.push_back(label);
    } else {
      only_a.push_back(label);
    }
  }
  // A summed label may stay on the other side at size one; it goes with the sum of dims of size one.
  std::vector<Label> gone = only_a;
  gone.insert(gone.end(), only_b.begin(), only_b.end());
  a = summed_over(a, gone, a.tensor.dtype());
  b = summed_over(b, gone, b.tensor.dtype());
  auto product_of = [](const Labelled& x, const std::vector<Label>& labels) {
    int64_t product = 1;
    for (Label label : labels) product *= size_of(x, label);
    return product;
  };
  auto joined = [](std::initializer_list<const std::vector<Label>*> lists) {
    std::vector<Label> all;
    for (const auto* list : lists) all.insert(all.end(), list->begin(), list->end());
    return all;
  };
  // Kept labels of size one on this side move to where the other side has them.
  auto matrix = [&](const Labelled& x, const std::vector<Label>& order, IntArrayRef sizes) {
    Labelled own = x;
    for (size_t i = own.labels.size(); i-- > 0;) {
      if (std::count(order.begin(), order.end(), own.labels[i])) continue;
      own.tensor = own.tensor.squeeze(static_cast<int64_t>(i));
      own.labels.erase(own.labels.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return arranged(own, order).reshape(sizes);
  };
  const int64_t batches = product_of(a, batch), inner = product_of(a, summed);
  const int64_t rows = product_of(a, left), columns = product_of(b, right);
  Tensor product = bmm(matrix(a, joined({&batch, &left, &summed}), {batches, rows, inner}),
                       matrix(b, joined({&batch, &summed, &right}), {batches, inner, columns}));
  Labelled out;
  out.labels = joined({&batch, &left, &right});
  DimVector sizes;
  for (Label label : out.labels) sizes.push_back(std::max(size_of(a, label), size_of(b, label)));
  for (size_t i = 0; i < out.labels.size(); ++i) {
    if (size_of(a, out.labels[i]) == 0 || size_of(b, out.labels[i]) == 0) sizes[i] = 0;
  }
  out.tensor = product.reshape(sizes);
  return out;
}

}  // namespace

Tensor einsum(std::string_view equation, TensorList operands) {
  TENON_AUTOCAST(einsum, equation, operands)
  TENON_CHECK(!operands.empty(), "einsum: needs at least one operand");
  const size_t arrow = equation.find("->");
  std::string_view inputs = equation.substr(0, arrow);
  std::vector<std::vector<Label>> subscripts;
  for (size_t start = 0;; ) {
    const size_t comma = inputs.find(',', start);
    subscripts.push_back(parse_subscript(inputs.substr(start, comma - start)));
    if (comma == std::string_view::npos) break;
    start = comma + 1;
  }
  TENON_CHECK(subscripts.size() == operands.size(), "einsum: the equation '", equation, "' names ", subscripts.size(),
              " operands, got ", operands.size());

  int64_t ellipsis_dims = 0;
  std::vector<Labelled> terms;
  for (size_t i = 0; i < operands.size(); ++i) {
    const bool has_ellipsis = std::count(subscripts[i].begin(), subscripts[i].end(), kEllipsis) > 0;
    const int64_t spare = operands[i].dim() - static_cast<int64_t>(subscripts[i].size()) + has_ellipsis;
    TENON_CHECK(has_ellipsis ? spare >= 0 : spare == 0, "einsum: operand ", i, " has shape ", operands[i].sizes(),
                ", but its subscript names ", subscripts[i].size() - has_ellipsis, " dims");
    if (has_ellipsis) ellipsis_dims = std::max(ellipsis_dims, spare);
    terms.push_back(merge_repeated(operands[i], spread_ellipsis(subscripts[i], has_ellipsis ? spare : 0)));
  }

  std::vector<Label> output;
  if (arrow != std::string_view::npos) {
    output = spread_ellipsis(parse_subscript(equation.substr(arrow + 2)), ellipsis_dims);
  } else {
    // By default: the ellipsis, then the labels that occur once, in alphabetical order.
    output = spread_ellipsis({kEllipsis}, ellipsis_dims);
    std::array<int, 128> counts{};
    for (const auto& labels : subscripts) {
      for (Label label : labels) {
        if (label < 128) ++counts[static_cast<size_t>(label)];
      }
    }
    for (Label label = 0; label < 128; ++label) {
      if (counts[static_cast<size_t>(label)] == 1) output.push_back(label);
    }
  }
  for (size_t i = 0; i < output.size(); ++i) {
    TENON_CHECK(std::count(output.begin(), output.end(), output[i]) == 1, "einsum: label '",
                static_cast<char>(output[i]), "' occurs more than once in the output");
    TENON_CHECK(output[i] > kEllipsis ||
                    std::any_of(terms.begin(), terms.end(), [&](const Labelled& x) { return x.find(output[i]) >= 0; }),
                "einsum: output label '", static_cast<char>(output[i]), "' does not occur in any input");
  }
  for (const Labelled& x : terms) {
    for (const Labelled& y : terms) {
      for (Label label : x.labels) {
        const int64_t a = size_of(x, label), b = size_of(y, label);
        TENON_CHECK(a == b || a == 1 || b == 1, "einsum: a label stands for sizes ", a, " and ", b,
                    " that do not broadcast");
      }
    }
  }

  Labelled result = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) {
    std::vector<Label> kept = output;
    for (size_t j = i + 1; j < terms.size(); ++j)
      kept.insert(kept.end(), terms[j].labels.begin(), terms[j].labels.end());
    result = contract(result, terms[i], kept);
  }
  std::vector<Label> dropped;
  for (Label label : result.labels) {
    if (!std::count(output.begin(), output.end(), label)) dropped.push_back(label);
  }
  // A sum alone widens integers, as sum does; products keep their dtype.
  const optional<ScalarType> dtype = terms.size() == 1 ? nullopt : optional<ScalarType>(result.tensor.dtype());
  return arranged(summed_over(result, dropped, dtype), output);
}

}  // namespace tenon
