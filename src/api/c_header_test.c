/* philo.h is C: this file is compiled by a C compiler, as C99 without extensions. */
#include "philo/philo.h"

int c_sees_the_interface(void);

int c_sees_the_interface(void) {
  const philo_option option = {"max-new-tokens", "3"}, no_threads = {"threads", "0"};
  philo_callbacks callbacks = {0};
  philo_error* error = NULL;
  char* json = NULL;
  int right = 1;
  callbacks.size = sizeof callbacks;
  right = right && philo_version()[0] != '\0';
  right = right && philo_options_check("generate", &option, 1, &error) == PHILO_OK && error == NULL;
  right = right && philo_options_check("load", &option, 1, &error) == PHILO_USAGE &&
          philo_error_status(error) == PHILO_USAGE;
  philo_error_free(error);
  right = right && philo_devices(&json, NULL) == PHILO_OK && json[0] == '{';
  philo_text_free(json);
  right = right && philo_machine(&no_threads, 1, NULL, &json, NULL) == PHILO_USAGE;
  return right;
}
