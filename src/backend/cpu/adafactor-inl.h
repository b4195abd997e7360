// Adafactor's step in three passes over the elements of all its tensors: mean squares, the size of the update, and the
// update. There is no include guard: matrix_steps.cpp includes it for each SIMD target, in the namespace of its
// helpers.

// Some rows of one of the matrices, or elements of what is no matrix, which are its columns then.
struct AdafactorBlock {
  int64_t tensor, row, rows, column, columns;
  // Of the block's parameters, and of their updates.
  double squares = 0, update_squares = 0;
};

// Per tensor.
struct AdafactorPlan {
  int64_t first_block = 0, end_block = 0;
  // Of each row, and of each column by block.
  std::vector<float> row_sums, column_sums;
  // 1 / the mean of row_var, of each matrix.
  std::vector<float> scales;
  float step_size = 0;
};

template <class Visit>
HWY_INLINE void for_vectors(int64_t n, const Visit& visit) {
  constexpr int kLanes = Vec<float>::lanes;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) visit(i, kLanes);
  if (i < n) visit(i, static_cast<int>(n - i));
}
HWY_INLINE Vec<float> load_some(const float* from, int n) {
  return n == Vec<float>::lanes ? load(from) : load_part(from, n);
}
HWY_INLINE void store_some(Vec<float> v, float* to, int n) {
  n == Vec<float>::lanes ? store(v, to) : store_part(v, to, n);
}
HWY_INLINE double lane_sum(Vec<float> v) {
  alignas(64) float lanes[Vec<float>::lanes];
  store(v, lanes);
  double sum = 0;
  for (float lane : lanes) sum += static_cast<double>(lane);
  return sum;
}

std::vector<AdafactorBlock> adafactor_blocks(const AdafactorTensor* tensors, int64_t count,
                                             std::vector<AdafactorPlan>& plans) {
  std::vector<AdafactorBlock> blocks;
  for (int64_t t = 0; t < count; ++t) {
    const AdafactorTensor& tensor = tensors[t];
    AdafactorPlan& plan = plans[static_cast<size_t>(t)];
    plan.first_block = static_cast<int64_t>(blocks.size());
    if (tensor.variance) {
      for (int64_t c = 0; c < tensor.columns; c += kTaskElements) {
        blocks.push_back({t, 0, 1, c, std::min(kTaskElements, tensor.columns - c)});
      }
    } else {
      const int64_t step = std::max<int64_t>(1, kTaskElements / tensor.columns);
      for (int64_t m = 0; m < tensor.matrices; ++m) {
        for (int64_t r = 0; r < tensor.rows; r += step) {
          blocks.push_back({t, m * tensor.rows + r, std::min(step, tensor.rows - r), 0, tensor.columns});
        }
      }
    }
    plan.end_block = static_cast<int64_t>(blocks.size());
    if (tensor.variance) continue;
    plan.row_sums.resize(static_cast<size_t>(tensor.matrices * tensor.rows));
    plan.column_sums.resize(static_cast<size_t>((plan.end_block - plan.first_block) * tensor.columns));
    plan.scales.resize(static_cast<size_t>(tensor.matrices));
  }
  return blocks;
}

// Squares of parameters and gradients; a variance takes the latter at once.
void adafactor_squares(const AdafactorTensor& tensor, const AdafactorNumbers& n, AdafactorPlan& plan, int64_t number,
                       AdafactorBlock& block) {
  float* const column_sums = tensor.variance ? static_cast<float*>(tensor.variance) + block.column
                                             : plan.column_sums.data() + (number - plan.first_block) * tensor.columns;
  for (int64_t r = block.row; r < block.row + block.rows; ++r) {
    const int64_t at = r * tensor.columns + block.column;
    const float* const p = static_cast<const float*>(tensor.param) + at;
    const float* const g = static_cast<const float*>(tensor.grad) + at;
    Vec<float> squares, sum;
    for_vectors(block.columns, [&](int64_t i, int some) {
      const Vec<float> param = load_some(p + i, some), grad = load_some(g + i, some), square = grad * grad;
      squares = squares + param * param;
      sum = sum + square;
      const Vec<float> before = load_some(column_sums + i, some);
      store_some(tensor.variance ? mixed(before, square, n.weight) : before + square, column_sums + i, some);
    });
    block.squares += lane_sum(squares);
    if (!tensor.variance) plan.row_sums[static_cast<size_t>(r)] = static_cast<float>(lane_sum(sum));
  }
}

float mixed_number(float a, float b, double w) {
  return static_cast<float>(w < 0.5 ? a + w * (b - a) : b - (1 - w) * (b - a));
}

// The mean squares of rows and columns, and the size of the step as far as the parameters say it.
void adafactor_means(const AdafactorTensor& tensor, const AdafactorNumbers& n, AdafactorPlan& plan,
                     const AdafactorBlock* blocks) {
  double squares = 0;
  for (int64_t b = plan.first_block; b < plan.end_block; ++b) squares += blocks[b].squares;
  const auto numel = static_cast<double>(tensor.matrices * tensor.rows * tensor.columns);
  plan.step_size = static_cast<float>(std::max(n.eps2, std::sqrt(squares / numel)) * n.rho);
  if (tensor.variance) return;
  for (int64_t m = 0; m < tensor.matrices; ++m) {
    float* const row_var = static_cast<float*>(tensor.row_var) + m * tensor.rows;
    double total = 0;
    for (int64_t r = 0; r < tensor.rows; ++r) {
      const float mean = plan.row_sums[static_cast<size_t>(m * tensor.rows + r)] / static_cast<float>(tensor.columns);
      row_var[r] = mixed_number(row_var[r], mean, n.weight);
      total += static_cast<double>(row_var[r]);
    }
    plan.scales[static_cast<size_t>(m)] =
        static_cast<float>(1 / std::max(total / static_cast<double>(tensor.rows), n.eps1));
    float* const col_var = static_cast<float*>(tensor.col_var) + m * tensor.columns;
    std::vector<float> sums(static_cast<size_t>(tensor.columns));
    const int64_t of_matrix = (plan.end_block - plan.first_block) / tensor.matrices;
    for (int64_t b = m * of_matrix; b < (m + 1) * of_matrix; ++b) {
      const float* const part = plan.column_sums.data() + b * tensor.columns;
      for (int64_t c = 0; c < tensor.columns; ++c) sums[static_cast<size_t>(c)] += part[c];
    }
    for (int64_t c = 0; c < tensor.columns; ++c) {
      const float mean = sums[static_cast<size_t>(c)] / static_cast<float>(tensor.rows);
      col_var[c] = mixed_number(col_var[c], mean, n.weight);
    }
  }
}

// Calls visit(offset, update, lanes) for the updates of a block.
template <class Visit>
HWY_INLINE void for_updates(const AdafactorTensor& tensor, const AdafactorNumbers& n, const AdafactorPlan& plan,
                            const AdafactorBlock& block, const Visit& visit) {
  const Vec<float> least(n.eps1 * n.eps1);
  for (int64_t r = block.row; r < block.row + block.rows; ++r) {
    const int64_t at = r * tensor.columns + block.column;
    const float* const g = static_cast<const float*>(tensor.grad) + at;
    const int64_t m = tensor.variance ? 0 : r / tensor.rows;
    const float* const column = tensor.variance ? static_cast<const float*>(tensor.variance) + block.column
                                                : static_cast<const float*>(tensor.col_var) + m * tensor.columns;
    const Vec<float> row(tensor.variance
                             ? float(1)
                             : static_cast<const float*>(tensor.row_var)[r] * plan.scales[static_cast<size_t>(m)]);
    for_vectors(block.columns, [&](int64_t i, int some) {
      const Vec<float> estimate = maximum(row * load_some(column + i, some), least);
      visit(at + i, load_some(g + i, some) / sqrt(estimate), some);
    });
  }
}

void adafactor(const AdafactorTensor* tensors, const AdafactorNumbers* numbers, int64_t count) {
  std::vector<AdafactorPlan> plans(static_cast<size_t>(count));
  std::vector<AdafactorBlock> blocks = adafactor_blocks(tensors, count, plans);
  int64_t elements = 0;
  for (const AdafactorBlock& block : blocks) elements += block.rows * block.columns;
  const int64_t together = std::max<int64_t>(1, kTaskElements * static_cast<int64_t>(blocks.size()) / elements);
  const auto for_blocks = [&](const auto& visit) {
    parallel_for(0, static_cast<int64_t>(blocks.size()), together, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        AdafactorBlock& block = blocks[static_cast<size_t>(b)];
        visit(tensors[block.tensor], numbers[block.tensor], plans[static_cast<size_t>(block.tensor)], b, block);
      }
    });
  };
  for_blocks([](const auto& tensor, const auto& n, auto& plan, int64_t number, auto& block) {
    adafactor_squares(tensor, n, plan, number, block);
  });
  parallel_for(0, count, together, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      adafactor_means(tensors[t], numbers[t], plans[static_cast<size_t>(t)], blocks.data());
    }
  });
  for_blocks([](const auto& tensor, const auto& n, auto& plan, int64_t, auto& block) {
    Vec<float> squares;
    for_updates(tensor, n, plan, block, [&](int64_t, Vec<float> update, int) { squares = squares + update * update; });
    block.update_squares = lane_sum(squares);
  });
  for (int64_t t = 0; t < count; ++t) {
    AdafactorPlan& plan = plans[static_cast<size_t>(t)];
    double squares = 0;
    for (int64_t b = plan.first_block; b < plan.end_block; ++b)
      squares += blocks[static_cast<size_t>(b)].update_squares;
    const auto numel = static_cast<double>(tensors[t].matrices * tensors[t].rows * tensors[t].columns);
    const double size = plan.step_size / std::max(1.0, std::sqrt(squares / numel) / numbers[t].d);
    plan.step_size = static_cast<float>(numbers[t].maximize ? -size : size);
  }
  for_blocks([](const auto& tensor, const auto& n, auto& plan, int64_t, auto& block) {
    float* const param = static_cast<float*>(tensor.param);
    for_updates(tensor, n, plan, block, [&](int64_t at, Vec<float> update, int some) {
      store_some(n.shrink * load_some(param + at, some) - plan.step_size * update, param + at, some);
    });
  });
}
