// The C interface from a C99 program: what it computes, and what it refuses. Prints each expectation that fails.
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenon/c.h>

static int failures = 0;

static void expect(int holds, const char* what, int line) {
  if (holds) return;
  ++failures;
  fprintf(stderr, "line %d: %s; last error: '%s'\n", line, what, tenon_last_error());
}
#define EXPECT(condition) expect((condition) != 0, #condition, __LINE__)
#define EXPECT_ERROR(failed, text)                      \
  do {                                                  \
    EXPECT(failed);                                     \
    EXPECT(strstr(tenon_last_error(), (text)) != NULL); \
  } while (0)

static void a_series_goes_on(void) {
  const float values[] = {1, 2, 3}, recent[] = {4, 5, 6};
  tenon_model* model = tenon_train_model(values, 3);
  EXPECT(model != NULL);
  EXPECT(tenon_predict(model, recent, 3) == 7.0f);
  EXPECT(*tenon_last_error() == 0);
  EXPECT(tenon_free_model(model) == 0);

  // A wave is linear in its last values.
  float wave[64];
  for (int i = 0; i < 64; ++i) wave[i] = sinf(0.3f * (float)i);
  model = tenon_train_model(wave, 63);
  EXPECT(fabsf(tenon_predict(model, wave, 63) - wave[63]) < 1e-4f);
  EXPECT(tenon_free_model(model) == 0);

  const float infinite[] = {1, INFINITY, 3};
  EXPECT_ERROR(!tenon_train_model(NULL, 3), "values is null");
  EXPECT_ERROR(!tenon_train_model(values, 2), "at least 3 values");
  EXPECT_ERROR(!tenon_train_model(values, SIZE_MAX), "more than memory holds");
  EXPECT_ERROR(!tenon_train_model(infinite, 3), "finite");
}

struct reports {
  tenon_model* model;
  int64_t calls, stop_after;
  double first, last;
};

static int on_epoch(void* user, int64_t epoch, int64_t epochs, double loss) {
  struct reports* reports = user;
  EXPECT(epoch == ++reports->calls && epochs >= epoch);
  if (epoch == 1) reports->first = loss;
  reports->last = loss;
  const float input[] = {0.5f, 0.25f};
  float output[1];
  EXPECT(tenon_run(reports->model, input, 1, output, 1) == 0);
  EXPECT_ERROR(tenon_fit(reports->model, input, 1, output, NULL, NULL) != 0, "is being trained");
  return epoch == reports->stop_after;
}

enum { ROWS = 256 };
static float inputs[2 * ROWS], targets[ROWS];

static void make_rows(void) {
  for (int i = 0; i < ROWS; ++i) {
    const float x = (float)(i % 16) / 8 - 1, y = (float)(i / 16) / 8 - 1;
    inputs[2 * i] = x;
    inputs[2 * i + 1] = y;
    targets[i] = x * y;
  }
}

static void a_model_learns_a_product(void) {
  tenon_model* model = tenon_build_model("Linear(2, 32), Tanh(), Linear(32, 1)", 7);
  EXPECT(tenon_input_size(model) == 2 && tenon_output_size(model) == 1);
  struct reports reports = {model, 0, 0, 0, 0};
  tenon_training training = {0};
  training.size = sizeof training;
  training.epochs = 60;
  training.learning_rate = 0.01;
  training.progress = on_epoch;
  training.user = &reports;
  double loss = -1;
  EXPECT(tenon_fit(model, inputs, ROWS, targets, &training, &loss) == 0);
  EXPECT(*tenon_last_error() == 0);
  EXPECT(reports.calls == 60 && reports.last == loss && loss < reports.first / 20);

  float outputs[ROWS];
  EXPECT(tenon_run(model, inputs, ROWS, outputs, ROWS) == 0);
  double sum = 0;
  for (int i = 0; i < ROWS; ++i) sum += pow(outputs[i] - targets[i], 2);
  EXPECT(sum / ROWS < 2 * loss);

  reports.calls = 0;
  reports.stop_after = 3;
  EXPECT(tenon_fit(model, inputs, ROWS, targets, &training, NULL) == 0);
  EXPECT(reports.calls == 3);
  EXPECT(tenon_free_model(model) == 0);
}

static int free_it(void* user, int64_t epoch, int64_t epochs, double loss) {
  (void)epochs, (void)loss;
  return (epoch == 1 ? tenon_free_model(user) == 0 : tenon_free_model(user) != 0) ? 0 : 1;
}

static void a_model_may_be_freed_while_it_is_trained(void) {
  tenon_model* model = tenon_build_model("Linear(2, 1)", 0);
  tenon_training training = {0};
  training.size = sizeof training;
  training.progress = free_it;
  training.user = model;
  double loss = -1;
  EXPECT(tenon_fit(model, inputs, ROWS, targets, &training, &loss) == 0 && loss >= 0);
  EXPECT_ERROR(tenon_run(model, inputs, 1, targets, 1) != 0, "of no model");
}

static void options_are_checked(void) {
  tenon_model* model = tenon_build_model("Linear(2, 1)", 0);
  struct {
    tenon_training known;
    int64_t later;
  } training = {{0}, 0};
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0, "sizeof(tenon_training)");
  training.known.size = SIZE_MAX;
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0, "sizeof(tenon_training)");
  training.known.size = sizeof training;
  EXPECT(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) == 0);
  training.later = 1;
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0, "does not know");
  training.known.size = offsetof(tenon_training, learning_rate);
  training.known.learning_rate = -1;
  EXPECT(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) == 0);
  training.known.size = sizeof training.known;
  EXPECT(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0);
  training.known.learning_rate = 0;
  training.known.epochs = -1;
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0, "epochs must not be negative");
  training.known.epochs = 1;
  training.known.loss = 99;
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0, "enum tenon_loss, got 99");
  training.known.loss = TENON_CROSS_ENTROPY;
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0, "classes from 0 to 0");
  training.known.loss = TENON_MSE;
  training.known.optimizer = -1;
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0, "enum tenon_optimizer, got -1");
  training.known.optimizer = TENON_ADAM;
  training.known.momentum = 0.9;
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, targets, &training.known, NULL) != 0, "momentum is for SGD and RMSprop");
  EXPECT_ERROR(tenon_fit(model, inputs, 0, targets, NULL, NULL) != 0, "at least one row");
  EXPECT_ERROR(tenon_fit(model, NULL, ROWS, targets, NULL, NULL) != 0, "inputs is null");
  EXPECT_ERROR(tenon_fit(model, inputs, ROWS, NULL, NULL, NULL) != 0, "targets is null");
  EXPECT_ERROR(tenon_fit(model, inputs, SIZE_MAX / 4, targets, NULL, NULL) != 0, "more than memory holds");
  EXPECT(tenon_free_model(model) == 0);
}

static void a_saved_model_comes_back(const char* path) {
  tenon_model* model = tenon_build_model("Linear(2, 8), BatchNorm1d(8), ReLU(), Dropout(0.5), Linear(8, 3)", 1);
  EXPECT(tenon_save_model(model, path) == 0);
  tenon_model* again = tenon_load_model(path);
  EXPECT(again != NULL && again != model);
  float expected[3 * ROWS], actual[3 * ROWS];
  EXPECT(tenon_run(model, inputs, ROWS, expected, 3 * ROWS) == 0);
  EXPECT(tenon_run(again, inputs, ROWS, actual, 3 * ROWS) == 0);
  EXPECT(memcmp(expected, actual, sizeof actual) == 0);
  EXPECT_ERROR(tenon_run(model, inputs, ROWS, actual, 3 * ROWS - 1) != 0, "room for 767");
  EXPECT_ERROR(isnan(tenon_predict(model, inputs, 2)), "one output, not 3");
  EXPECT(tenon_free_model(model) == 0 && tenon_free_model(again) == 0);
  EXPECT(remove(path) == 0);
  EXPECT_ERROR(!tenon_load_model(path), "No such file");
  EXPECT_ERROR(!tenon_load_model(NULL), "path is null");
}

static void handles_that_are_none_are_refused(void) {
  int other = 0;
  tenon_model* freed = tenon_build_model("Linear(1, 1)", 0);
  EXPECT(tenon_free_model(freed) == 0);
  tenon_model* handles[] = {NULL, freed, (tenon_model*)(void*)&other, (tenon_model*)(uintptr_t)1,
                            (tenon_model*)UINTPTR_MAX};
  for (size_t i = 0; i < sizeof handles / sizeof *handles; ++i) {
    const char* why = i == 0 ? "the model is null" : "of no model";
    float number = 0;
    EXPECT_ERROR(tenon_free_model(handles[i]) != 0, why);
    EXPECT_ERROR(tenon_input_size(handles[i]) == 0, why);
    EXPECT_ERROR(tenon_output_size(handles[i]) == 0, why);
    EXPECT_ERROR(tenon_run(handles[i], &number, 1, &number, 1) != 0, why);
    EXPECT_ERROR(isnan(tenon_predict(handles[i], &number, 1)), why);
    EXPECT_ERROR(tenon_fit(handles[i], &number, 1, &number, NULL, NULL) != 0, why);
    EXPECT_ERROR(tenon_save_model(handles[i], "nowhere") != 0, why);
  }
}

static void* call_until_freed(void* model) {
  float output[1];
  long calls = 0;
  while (tenon_run(model, inputs, 1, output, 1) == 0) ++calls;
  EXPECT_ERROR(1, "of no model");
  return calls > 0 ? model : NULL;
}

static void threads_may_share_a_model_that_one_frees(void) {
  tenon_model* model = tenon_build_model("Linear(2, 16), ReLU(), Linear(16, 1)", 0);
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) EXPECT(pthread_create(&threads[i], NULL, call_until_freed, model) == 0);
  tenon_training training = {0};
  training.size = sizeof training;
  training.epochs = 20;
  EXPECT(tenon_fit(model, inputs, ROWS, targets, &training, NULL) == 0);
  EXPECT(tenon_free_model(model) == 0);
  for (int i = 0; i < 4; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  make_rows();
  EXPECT(strlen(tenon_version()) >= 5);
  a_series_goes_on();
  a_model_learns_a_product();
  a_model_may_be_freed_while_it_is_trained();
  options_are_checked();
  a_saved_model_comes_back(arguments[1]);
  handles_that_are_none_are_refused();
  threads_may_share_a_model_that_one_frees();
  return failures == 0 ? 0 : 1;
}
