/* Asks a model one question and streams the answer: answer MODEL "What is a llama?" */
#include <philo/philo.h>
#include <stdio.h>

static int print_text(void* user, const char* text, size_t bytes, philo_token token) {
  (void)user;
  (void)token;
  if (fwrite(text, 1, bytes, stdout) != bytes || fflush(stdout) != 0) return PHILO_STOP;
  return PHILO_CONTINUE;
}

static void print_note(void* user, const char* note) {
  (void)user;
  fprintf(stderr, "note: %s\n", note);
}

static int failed(philo_error* error) {
  int code = (int)philo_error_status(error);
  fprintf(stderr, "answer: %s\n", philo_error_message(error));
  philo_error_free(error);
  return code;
}

int main(int argc, char** argv) {
  const philo_option options[] = {{"max-new-tokens", "64"}, {"stop", "\n\n"}};
  philo_callbacks callbacks = {0};
  philo_error* error = NULL;
  philo_model* model = NULL;
  philo_conversation* conversation = NULL;
  char* report = NULL;
  int code = 0;

  if (argc != 3) {
    fprintf(stderr, "usage: answer MODEL QUESTION\n");
    return PHILO_USAGE;
  }
  callbacks.size = sizeof callbacks;
  callbacks.on_text = print_text;
  callbacks.on_note = print_note;

  if (philo_model_open(argv[1], NULL, 0, &callbacks, &model, &error) != PHILO_OK) return failed(error);
  if (philo_conversation_new(model, NULL, 0, &callbacks, &conversation, &error) != PHILO_OK) code = failed(error);
  philo_model_free(model); /* the conversation keeps what it needs */
  if (code != 0) return code;

  if (philo_conversation_add(conversation, "user", argv[2], &error) != PHILO_OK ||
      philo_conversation_answer(conversation, options, sizeof options / sizeof options[0], &callbacks, &report,
                                &error) != PHILO_OK) {
    code = failed(error);
  } else {
    printf("\n");
    fprintf(stderr, "%s\n", report);
  }
  philo_text_free(report);
  philo_conversation_free(conversation);
  return code;
}
