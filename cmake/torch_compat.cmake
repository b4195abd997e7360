# Tenon::torch_compat: the headers by which programs for libtorch's frontend compile against Tenon.
add_library(torch_compat INTERFACE)
add_library(Tenon::torch_compat ALIAS torch_compat)
target_link_libraries(torch_compat INTERFACE tenon)

# The other names under which programs include parts of libtorch; each gives all of it.
set(TENON_TORCH_HEADERS
  torch/all.h torch/arg.h torch/autograd.h torch/cuda.h torch/data.h torch/enum.h torch/expanding_array.h torch/fft.h
  torch/nn.h torch/optim.h torch/ordered_dict.h torch/serialize.h torch/special.h torch/types.h torch/utils.h
  torch/version.h
  torch/data/dataloader.h torch/data/dataloader_options.h torch/data/datasets.h torch/data/datasets/base.h
  torch/data/datasets/map.h torch/data/datasets/mnist.h torch/data/datasets/shared.h torch/data/datasets/stateful.h
  torch/data/datasets/tensor.h torch/data/example.h torch/data/iterator.h torch/data/samplers.h
  torch/data/samplers/base.h torch/data/samplers/distributed.h torch/data/samplers/random.h
  torch/data/samplers/sequential.h torch/data/samplers/stream.h torch/data/transforms.h torch/data/transforms/base.h
  torch/data/transforms/collate.h torch/data/transforms/lambda.h torch/data/transforms/stack.h
  torch/data/transforms/tensor.h torch/data/worker_exception.h
  torch/nn/cloneable.h torch/nn/functional.h torch/nn/init.h torch/nn/module.h torch/nn/modules.h torch/nn/options.h
  torch/nn/pimpl.h torch/nn/utils.h torch/nn/modules/container/any.h torch/nn/modules/container/functional.h
  torch/nn/modules/container/moduledict.h torch/nn/modules/container/modulelist.h
  torch/nn/modules/container/parameterdict.h torch/nn/modules/container/parameterlist.h
  torch/nn/modules/container/sequential.h torch/nn/modules/activation.h torch/nn/modules/adaptive.h
  torch/nn/modules/batchnorm.h torch/nn/modules/conv.h torch/nn/modules/distance.h torch/nn/modules/dropout.h
  torch/nn/modules/embedding.h torch/nn/modules/fold.h torch/nn/modules/instancenorm.h torch/nn/modules/linear.h
  torch/nn/modules/loss.h torch/nn/modules/normalization.h torch/nn/modules/padding.h
  torch/nn/modules/pixelshuffle.h torch/nn/modules/pooling.h torch/nn/modules/rnn.h torch/nn/modules/transformer.h
  torch/nn/modules/upsampling.h torch/nn/utils/clip_grad.h torch/nn/utils/convert_parameters.h
  torch/nn/utils/rnn.h
  torch/optim/adagrad.h torch/optim/adam.h torch/optim/adamw.h torch/optim/lbfgs.h torch/optim/optimizer.h
  torch/optim/rmsprop.h torch/optim/sgd.h torch/optim/schedulers/lr_scheduler.h
  torch/optim/schedulers/reduce_on_plateau_scheduler.h torch/optim/schedulers/step_lr.h
  torch/serialize/archive.h torch/serialize/input-archive.h torch/serialize/output-archive.h
  torch/csrc/autograd/autograd.h torch/csrc/autograd/custom_function.h torch/csrc/autograd/variable.h
  ATen/ATen.h ATen/Context.h ATen/Functions.h ATen/Parallel.h ATen/Tensor.h ATen/TensorIndexing.h
  ATen/core/Generator.h ATen/core/Reduction.h ATen/core/Tensor.h ATen/core/ivalue.h
  c10/core/Device.h c10/core/DeviceType.h c10/core/GradMode.h c10/core/InferenceMode.h c10/core/Scalar.h
  c10/core/ScalarType.h c10/core/TensorOptions.h c10/util/ArrayRef.h c10/util/Exception.h c10/util/Optional.h
  c10/util/irange.h)
set(TENON_TORCH_HEADERS_DIR ${CMAKE_CURRENT_BINARY_DIR}/torch_compat)
foreach(header IN LISTS TENON_TORCH_HEADERS)
  file(CONFIGURE OUTPUT ${TENON_TORCH_HEADERS_DIR}/${header} @ONLY
    CONTENT "// Another name of torch/torch.h.\n#pragma once\n\n#include \"torch/torch.h\"\n")
endforeach()
target_include_directories(torch_compat INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include/torch_compat> $<BUILD_INTERFACE:${TENON_TORCH_HEADERS_DIR}>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/torch_compat>)
