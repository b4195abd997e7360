// Modules saved and loaded: parameters and buffers of all below, in their places.
#include <gtest/gtest.h>

#include <sstream>

#include "io/helpers.h"
#include "tenon/tenon.h"

namespace tenon {
namespace {

nn::Sequential make_model() {
  return nn::Sequential(nn::Linear(3, 4), nn::BatchNorm1d(4), nn::Functional(relu), nn::Linear(4, 2));
}

TEST(ModuleArchive, AModelComesBackAsItWas) {
  testing::TemporaryFolder folder;
  nn::Sequential model = make_model(), other = make_model();
  model->forward(randn({5, 3}));
  save(model, folder / "model.pt");
  const Tensor weight = other->at<nn::LinearImpl>(0).weight;
  load(other, folder / "model.pt");
  model->eval();
  other->eval();
  const Tensor x = randn({2, 3});
  EXPECT_TRUE(other->forward(x).equal(model->forward(x)));
  EXPECT_EQ(other->at<nn::BatchNorm1dImpl>(1).num_batches_tracked.item<int64_t>(), 1);
  EXPECT_TRUE(weight.is_same(other->at<nn::LinearImpl>(0).weight));
}

TEST(ModuleArchive, AFileOfAnotherModelIsRefused) {
  std::stringstream stream;
  nn::Linear layer(3, 4);
  nn::Sequential model = make_model();
  save(layer, stream);
  EXPECT_THROW(load(model, stream), Error);
}

}  // namespace
}  // namespace tenon
