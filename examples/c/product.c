// Teaches a small network to multiply, saves it, and asks what it saved. Any C99 compiler builds it:
//   cc product.c -I INCLUDE LIBRARY -lm, where tenon.c.include_path() and library_path() in Python name the two.
#include <math.h>
#include <stdio.h>
#include <tenon/c.h>

enum { SIDE = 32, ROWS = SIDE * SIDE };

static int report(void* user, int64_t epoch, int64_t epochs, double loss) {
  (void)user;
  if (epoch % 10 == 0) printf("epoch %2d of %d   loss %.6f\n", (int)epoch, (int)epochs, loss);
  return 0;
}

static int fail(void) {
  fprintf(stderr, "%s\n", tenon_last_error());
  return 1;
}

int main(int count, char** arguments) {
  const char* path = count > 1 ? arguments[1] : "product.safetensors";
  static float inputs[2 * ROWS], targets[ROWS];
  for (int i = 0; i < ROWS; ++i) {
    inputs[2 * i] = 2.0f * (float)(i % SIDE) / (SIDE - 1) - 1;
    inputs[2 * i + 1] = 2.0f * (float)(i / SIDE) / (SIDE - 1) - 1;
    targets[i] = inputs[2 * i] * inputs[2 * i + 1];
  }

  tenon_model* model = tenon_build_model("Linear(2, 32), Tanh(), Linear(32, 1)", 0);
  if (!model) return fail();
  const tenon_training training = {.size = sizeof training, .epochs = 100, .learning_rate = 0.01, .progress = report};
  if (tenon_fit(model, inputs, ROWS, targets, &training, NULL) || tenon_save_model(model, path)) return fail();
  tenon_free_model(model);

  const float pair[] = {0.5f, -0.8f};
  model = tenon_load_model(path);
  const float product = tenon_predict(model, pair, 2);
  if (isnan(product)) return fail();
  printf("%.1f * %.1f is about %.2f\n", pair[0], pair[1], product);
  tenon_free_model(model);
  return fabsf(product + 0.4f) < 0.02f ? 0 : 1;
}
