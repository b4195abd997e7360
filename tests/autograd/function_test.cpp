// Custom functions.
#include "helpers.h"

namespace tenon::testing {
namespace {

using autograd::AutogradContext;
using autograd::Function;
using autograd::variable_list;

struct Cube : Function<Cube> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, double factor) {
    ctx->save_for_backward({x});
    ctx->saved_data["factor"] = factor;
    EXPECT_FALSE(GradMode::is_enabled());
    return x * x * x * factor;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    Tensor x = ctx->get_saved_variables()[0];
    return {grads[0] * x * x * (3 * ctx->saved_data["factor"].toDouble()), Tensor()};
  }
};

TEST(Function, CallsItsBackwardOnceAndTwice) {
  Tensor x = leaf({2});
  Tensor y = Cube::apply(x, 2.0);
  EXPECT_STREQ(y.grad_fn()->name(), "Cube");
  Tensor first = autograd::grad({y}, {x}, {}, nullopt, true)[0];
  EXPECT_EQ(list(first), (List{24}));
  EXPECT_EQ(list(autograd::grad({first}, {x})[0]), (List{24}));
}

TEST(Function, RecordsNothingWithoutNeed) {
  EXPECT_FALSE(Cube::apply(values({2}), 1.0).requires_grad());
  NoGradGuard no_grad;
  EXPECT_FALSE(Cube::apply(leaf({2}), 1.0).requires_grad());
}

TEST(Function, SavedTensorsAreFreedByBackward) {
  Tensor x = leaf({2});
  Tensor y = Cube::apply(x, 1.0);
  y.backward();
  EXPECT_ERROR(y.backward(), "Cube: Trying to backward through the graph a second time");
}

struct Several : Function<Several> {
  static variable_list forward(AutogradContext* ctx, const variable_list& xs, bool materialize) {
    ctx->set_materialize_grads(materialize);
    Tensor marked = xs[0] * 7;
    ctx->mark_non_differentiable({marked});
    return {xs[0] * 2, xs[1] * 3, marked};
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    EXPECT_TRUE(ctx->needs_input_grad(0));
    EXPECT_FALSE(ctx->needs_input_grad(1));
    all_defined = grads[0].defined() && grads[1].defined();
    return {grads[0].defined() ? grads[0] * 2 : Tensor(), Tensor(), Tensor()};
  }
  static inline bool all_defined = false;
};

TEST(Function, TakesListsAndGivesSeveralOutputs) {
  Tensor x = leaf({1});
  Tensor other = values({5});
  variable_list out = Several::apply(variable_list{x, other}, true);
  EXPECT_FALSE(out[2].requires_grad());
  EXPECT_EQ(out[1].output_nr(), 1u);
  out[0].backward();
  EXPECT_TRUE(Several::all_defined);
  EXPECT_EQ(list(x.grad()), (List{2}));
  out = Several::apply(variable_list{x, other}, false);
  out[0].backward();
  EXPECT_FALSE(Several::all_defined);
}

struct Product : Function<Product> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& y) {
    needed.clear();
    ctx->save_for_backward({x, y});
    return x * y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    needed.push_back({ctx->needs_input_grad(0), ctx->needs_input_grad(1)});
    return {grads[0] * saved[1], grads[0] * saved[0]};
  }
  static inline std::vector<std::pair<bool, bool>> needed;
};

TEST(Function, APassTellsWhichGradientsItIsFor) {
  Tensor x = leaf({2}), y = leaf({3});
  Tensor product = Product::apply(x * 1, y);
  EXPECT_EQ(list(autograd::grad({product}, {x}, {}, true)[0]), (List{3}));
  EXPECT_EQ(list(autograd::grad({product}, {y}, {}, true)[0]), (List{2}));
  product.backward();
  EXPECT_EQ(Product::needed, (std::vector<std::pair<bool, bool>>{{true, false}, {false, true}, {true, true}}));
}

struct Identity : Function<Identity> {
  static Tensor forward(AutogradContext*, const Tensor& x) { return x; }
  static variable_list backward(AutogradContext*, variable_list grads) { return {grads[0] * 10}; }
};

TEST(Function, AnInputReturnedAsItIsBecomesAView) {
  Tensor x = leaf({1, 2});
  Tensor y = Identity::apply(x);
  EXPECT_FALSE(y.is_same(x));
  EXPECT_TRUE(y.is_view());
  EXPECT_TRUE(x.is_leaf());
  EXPECT_EQ(y.data_ptr(), x.data_ptr());
  EXPECT_ERROR(y.mul_(2), "custom Function");
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{10, 10}));
}

struct Doubled : Function<Doubled> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x) {
    x.mul_(2);
    ctx->mark_dirty({x});
    return x;
  }
  static variable_list backward(AutogradContext*, variable_list grads) { return {grads[0] * 2}; }
};

TEST(Function, EditsItsInputInPlace) {
  Tensor x = leaf({1, 2, 3});
  Tensor y = x * 1;
  Tensor out = Doubled::apply(y);
  EXPECT_TRUE(out.is_same(y));
  EXPECT_STREQ(y.grad_fn()->name(), "Doubled");
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{2, 2, 2}));
  EXPECT_ERROR(Doubled::apply(x), "a leaf Variable that requires grad");
}

TEST(Function, EditsAViewInPlace) {
  Tensor x = leaf({1, 2, 3});
  Tensor y = x * 1;
  Doubled::apply(y.narrow(0, 1, 2));
  EXPECT_STREQ(y.grad_fn()->name(), "CopySlices");
  y.sum().backward();
  EXPECT_EQ(list(x.grad()), (List{1, 2, 2}));
}

struct WrongShape : Function<WrongShape> {
  static Tensor forward(AutogradContext*, const Tensor& x) { return x * 2; }
  static variable_list backward(AutogradContext*, variable_list) { return {ones({3})}; }
};

TEST(Function, GradientsOfTheWrongShapeAreNamed) {
  Tensor x = leaf({1, 2});
  EXPECT_ERROR(WrongShape::apply(x).sum().backward(), "'WrongShape' returned an invalid gradient at index 0 - got [3]");
}

template <class T>
struct Holder {
  struct Nested : Function<Nested> {
    static Tensor forward(AutogradContext*, const Tensor& x) { return x * 2; }
    static variable_list backward(AutogradContext*, variable_list grads) { return {grads[0]}; }
  };
};
template <class T>
struct Templated : Function<Templated<T>> {
  static Tensor forward(AutogradContext*, const Tensor& x) { return x * 2; }
  static variable_list backward(AutogradContext*, variable_list grads) { return {grads[0]}; }
};

TEST(Function, NodesHaveTheShortNameOfTheClass) {
  Tensor x = leaf({1});
  EXPECT_STREQ(Holder<int>::Nested::apply(x).grad_fn()->name(), "Nested");
  EXPECT_STREQ(Templated<std::vector<int>>::apply(x).grad_fn()->name(), "Templated");
}

}  // namespace
}  // namespace tenon::testing
