// Tenon for C, and for all that calls C (cffi, ctypes, other languages): models that are built from a text, trained,
// run, saved and loaded. C99; no other header of Tenon is needed.
//
// Every function may be called from any thread; calls on one model run one after the other. A handle that is null,
// freed or of another origin is refused with an error, and an error never leaves a half-written result. Numbers are
// rows of floats, one row after the other: a model takes tenon_input_size() of them a row and gives
// tenon_output_size().
//
// What lies between the two lines of dashes is plain declarations, which cffi's cdef() takes as they are.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif
// ---------------------------------------------------------------------------------------------------------------------

typedef struct tenon_model tenon_model;

const char* tenon_version(void);
// Why this thread's last call failed; empty if it succeeded. Valid until the thread's next call.
const char* tenon_last_error(void);

// A model of the layers that `layers` lists as PyTorch prints them, such as
// "Linear(4, 16), Tanh(), Dropout(0.1), Linear(16, 3)"; the initial weights of a seed are PyTorch's. Null if it fails.
tenon_model* tenon_build_model(const char* layers, uint64_t seed);
// A model of what comes next in a series: linear in the last few values, fitted by least squares. Null if it fails.
tenon_model* tenon_train_model(const float* values, size_t length);
// What tenon_save_model() wrote. Null if it fails.
tenon_model* tenon_load_model(const char* path);

// From here on, 0 is success, anything else is failure.
// Writes a safetensors file, whole or not at all, with the keys of PyTorch's Sequential and the layers as metadata.
int tenon_save_model(const tenon_model* model, const char* path);
// The handle is invalid afterwards; calls that other threads have begun end first or go on safely.
int tenon_free_model(tenon_model* model);

// The numbers of a row that a model takes and gives; 0 if it fails.
size_t tenon_input_size(const tenon_model* model);
size_t tenon_output_size(const tenon_model* model);

// Writes rows * tenon_output_size() numbers into `outputs`, which has room for `capacity`.
int tenon_run(const tenon_model* model, const float* inputs, size_t rows, float* outputs, size_t capacity);
// The single output of a model for the last tenon_input_size() of `values`; NaN if it fails.
float tenon_predict(const tenon_model* model, const float* values, size_t length);

// Targets: as many numbers a row as the model gives; for cross entropy one a row, the number of its class.
enum tenon_loss { TENON_MSE, TENON_CROSS_ENTROPY, TENON_BCE_WITH_LOGITS };
enum tenon_optimizer { TENON_ADAM, TENON_ADAMW, TENON_SGD, TENON_RMSPROP };

// Called after each epoch with its mean loss; anything but 0 ends the training. It may run, save or free the model;
// other threads wait for the model until the training ends.
typedef int (*tenon_progress)(void* user, int64_t epoch, int64_t epochs, double loss);

// What is 0 is as if it had not been given.
typedef struct tenon_training {
  size_t size;           // sizeof(tenon_training), by which later versions know what the caller knew
  int64_t epochs;        // 10
  int64_t batch_size;    // 32
  double learning_rate;  // that of PyTorch's optimizer, and so the weight decay
  double weight_decay;
  double momentum;  // of SGD and RMSprop
  int optimizer;    // enum tenon_optimizer
  int loss;         // enum tenon_loss
  uint64_t seed;    // of the order of the rows, which each epoch draws anew, and of dropout
  tenon_progress progress;
  void* user;  // what `progress` is given
} tenon_training;

// Trains a model on rows with targets. `options` and `loss`, which gets the mean loss of the last epoch, may be null.
int tenon_fit(tenon_model* model, const float* inputs, size_t rows, const float* targets, const tenon_training* options,
              double* loss);

// ---------------------------------------------------------------------------------------------------------------------
#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
