// Asks a model several questions in one conversation and streams the answers: answer MODEL QUESTION...
#include <philo/philo.hpp>

#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: answer MODEL QUESTION...\n";
    return PHILO_USAGE;
  }
  try {
    philo::Callbacks callbacks;
    callbacks.on_text = [](std::string_view text, philo_token) {
      return static_cast<bool>(std::cout << text << std::flush);
    };
    callbacks.on_note = [](std::string_view note) { std::cerr << "note: " << note << '\n'; };

    philo::Model model(argv[1], {{"kv-format", "fp32"}}, callbacks);
    philo::Conversation conversation(model);
    conversation.set_system("You are a helpful assistant.");
    for (int question = 2; question < argc; ++question) {
      std::cout << "> " << argv[question] << '\n';
      conversation.add("user", argv[question]);
      conversation.answer({{"max-new-tokens", "64"}, {"do-sample", "true"}, {"temperature", "0.7"}, {"seed", "1"}},
                          callbacks);
      std::cout << '\n';
    }
    std::cerr << conversation.report() << '\n';
    return 0;
  } catch (const philo::Error& error) {
    std::cerr << "answer: " << error.what() << '\n';
    return error.status();
  }
}
