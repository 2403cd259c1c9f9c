// The self-test part of the C interface.
#include <algorithm>

#include "api/handles.h"
#include "api/model.h"
#include "api/options.h"
#include "score/selftest.h"

namespace philo {

namespace {

OrderedJson selftest_report(const std::string& path, const Options& options, const Callbacks& callbacks) {
  const std::shared_ptr<LoadedModel> model = load_model(path, options, callbacks);
  const Checkpoint& checkpoint = model->checkpoint;
  std::unique_ptr<Network> reference;
  if (!model->network->traits().steps) {
    DeviceOptions same = model->device_options;
    same.isa.clear();
    reference = find_device("cpu").compile(model->plan, same);
  }
  SelfTestInput input{.network = model->network.get(),
                      .reference = reference.get(),
                      .plan = model->plan.get(),
                      .options = model->device_options,
                      .tokenizer = checkpoint.tokenizer.get(),
                      .encode_chat = {},
                      .progress = callbacks.progress()};
  if (checkpoint.chat_template)
    input.encode_chat = [&](const OrderedJson& messages, bool add_generation_prompt) {
      return encode_chat(*checkpoint.tokenizer, *checkpoint.chat_template, messages, add_generation_prompt, true);
    };
  const std::vector<SelfTestCheck> checks = self_test(input);

  OrderedJson report = {{"path", checkpoint.path}, {"device", model->device}, {"isa", model->network->traits().isa}};
  report["weight_format"] = model->weight_format;
  report["kv_format"] = kv_format_name(model->device_options.kv_format);
  report["checks"] = OrderedJson::array();
  for (const SelfTestCheck& check : checks)
    report["checks"].push_back({{"name", check.name},
                                {"what", check.what},
                                {"cells", check.cells},
                                {"worst", check.worst},
                                {"least", check.least},
                                {"allowed", check.allowed},
                                {"passed", check.passed}});
  const auto passed = std::all_of(checks.begin(), checks.end(), [](const SelfTestCheck& check) { return check.passed; });
  report["passed"] = passed;
  report["notes"] = model->notes;
  if (checkpoint.chat_template == nullptr)
    report["notes"].push_back("the model has no chat template, so none was checked");
  return report;
}

}  // namespace

}  // namespace philo

philo_status philo_selftest(const char* path, const philo_option* options, size_t option_count,
                            const philo_callbacks* callbacks, char** json, philo_error** error) {
  return philo::guarded(error, [&] {
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Load, philo::option_span(options, option_count));
    philo::give_text(json, philo::selftest_report(&philo::required(path, "path"), parsed, sinks));
  });
}
