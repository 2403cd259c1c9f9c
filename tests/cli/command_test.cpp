// Every command: what it prints where, and its exit codes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "process.h"

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string tiny = std::string(PHILO_SOURCE_DIR) + "/tests/data/models/mini-4k";

class Commands : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("philo_cli_test_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // The tiny model with room for a long answer, so that there is time to interrupt it.
  std::string long_model() const {
    const fs::path model = folder_ / "long";
    fs::copy(tiny, model);
    Json config = Json::parse(read(tiny + "/config.json"));
    config["max_position_embeddings"] = config["original_max_position_embeddings"] = 200000;
    std::ofstream(model / "config.json") << config.dump();
    return model.string();
  }

 private:
  fs::path folder_;
};

Json json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(outcome.out.find('\n'), outcome.out.size() - 1) << "one object in one line and nothing else";
  return Json::parse(outcome.out, nullptr, false);
}

TEST_F(Commands, HelpAndVersion) {
  const Outcome nothing = philo({});
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_EQ(nothing.out, "");
  EXPECT_TRUE(says(nothing.error, "Usage: philo COMMAND"));
  const Outcome help = philo({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.error, "");
  for (const char* command :
       {"run", "chat", "convert", "score", "tokenize", "inspect", "devices", "bench", "completion"}) {
    EXPECT_TRUE(says(help.out, std::string("\n  ") + command + " "));
    const Outcome own = philo({command, "--help"});
    EXPECT_EQ(own.exit_code, 0);
    EXPECT_TRUE(says(own.out, std::string("Usage: philo ") + command));
    EXPECT_TRUE(says(own.out, "Examples:\n"));
    for (const char* later : {"monitor", "serve"}) EXPECT_FALSE(says(own.out, std::string("philo ") + later));
  }
  EXPECT_EQ(philo({"--version"}).out.substr(0, 6), "philo ");
}

TEST_F(Commands, WrongCommandLines) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"rum", tiny}, "nearest is run"},
      {{"serve", "a"}, "no command \"serve\""},
      {{"run", tiny, "-p", "x", "--tempersture", "0.5"}, "nearest is --temperature"},
      {{"run", tiny, "-p", "x", "--do-sampel"}, "nearest is --do-sample"},
      {{"run", tiny, "more", "-p", "x"}, "\"more\""},
      {{"run", tiny}, "no prompt is given"},
      {{"run", tiny, "-p", "x", "--ids", "1"}, "more than one prompt"},
      {{"run", tiny, "-p"}, "-p"},
      {{"run", tiny, "-p", "x", "--temperature", "0"}, "--temperature: found \"0\", expected a number above 0"},
      {{"run", tiny, "-p", "x", "--temperature", "nan"}, "--temperature"},
      {{"run", tiny, "-p", "x", "--top-p", "1.5"}, "--top-p: found \"1.5\", expected a number from 0 to 1"},
      {{"run", tiny, "-p", "x", "--top-k", "-1"}, "--top-k"},
      {{"run", tiny, "-p", "x", "--max-new-tokens", "0"}, "--max-new-tokens"},
      {{"run", tiny, "-p", "x", "--max-new-tokens", "99999999999999999999"}, "--max-new-tokens"},
      {{"run", tiny, "-p", "x", "--max-new-tokens", "3x"}, "--max-new-tokens"},
      {{"run", tiny, "-p", "x", "--max-new-tokens", "3", "--max-new-tokens", "4"}, "given twice"},
      {{"run", tiny, "-p", "x", "--stop", ""}, "--stop"},
      {{"run", tiny, "-p", "x", "--stop", "\xff"}, "--stop: byte 0 is not UTF-8"},
      {{"run", tiny, "-p", "x", "--weight-format", "int4"},
       "--group-size 128 does not divide the 48 columns of tensor"},
      {{"run", tiny, "-p", "x", "--weight-format", "fp8"}, "expected one of fp32, fp16"},
      {{"run", tiny, "-p", "x", "--kv-format", "int4"}, "expected one of int8, fp16, fp32"},
      {{"run", tiny, "-p", "x", "--sym", "--asym"}, "exclude each other"},
      {{"run", tiny, "-p", "x", "--ov", "A=B"}, "--ov is for openvino devices"},
      {{"run", tiny, "-p", "x", "--allow-requantize"}, "--allow-requantize is for NPUs"},
      {{"run", tiny, "-p", "x", "--ort", "A=B"}, "--ort is for onnxruntime devices"},
      {{"run", tiny, "-p", "x", "--overflow", "stop"}, "--overflow"},
      {{"run", tiny, "-p", "x", "--context", "513"}, "512"},
      {{"run", tiny, "-p", "x", "--isa", "sse2"}, "--isa"},
      {{"score", "--text-file", "x"}, "MODEL"},
      {{"score", tiny}, "--text-file"},
      {{"tokenize", tiny}, "-p TEXT"},
      {{"completion", "tcsh"}, "bash, zsh or fish"},
      {{"devices", "--plan"}, "no option \"--plan\""},
  };
  for (const auto& [arguments, expected] : cases) {
    const Outcome outcome = philo(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << expected;
    EXPECT_EQ(outcome.out, "") << expected;
    EXPECT_TRUE(says(outcome.error, expected));
    EXPECT_EQ(outcome.error.rfind("philo: ", 0), 0u) << outcome.error;
  }
}

TEST_F(Commands, UnusableInput) {
  fs::create_directories(path("empty"));
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"run", "/no/such/model", "-p", "x"}, "/no/such/model"},
      {{"run", path("empty"), "-p", "x"}, path("empty")},
      {{"run", tiny, "--prompt-file", "/no/such/prompt"}, "/no/such/prompt: No such file"},
      {{"run", tiny, "--prompt-file", path("empty")}, "directory"},
      {{"run", tiny, "--prompt-file", write("bytes.txt", "a\xff"), "--raw"}, "UTF-8"},
      {{"run", tiny, "--prompt-file", write("zero.txt", std::string("a\0b", 3))}, "zero byte"},
      {{"run", tiny, "--ids", "1,-2"}, "found \"-2\""},
      {{"run", tiny, "--ids", "1,99999999999"}, "found \"99999999999\""},
      {{"run", tiny, "--ids", " , "}, "no token ids"},
      {{"run", tiny, "--ids", "320"}, "token 320 at position 0"},
      {{"run", tiny, "--ids", "1,2,3,4", "--context", "3"}, "the prompt has 4 tokens, but the context holds 3"},
      {{"score", tiny, "--text-file", write("one.txt", "")}, "token"},
      {{"score", tiny, "--ids-file", write("long.txt", "1 2 3 4 5 6 7 8 9"), "--context", "4", "--logits",
        path("l.safetensors")},
       "--logits"},
      {{"tokenize", tiny, "--chat", write("chat.json", "{\"role\": 1}")}, "messages"},
      {{"tokenize", tiny, "--chat", write("broken.json", "[{\"role\": \"user\", ")}, "messages"},
      {{"tokenize", tiny, "--ids", "x"}, "found \"x\""},
      {{"inspect", tiny + "/config.json"}, "config.json"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Outcome outcome = philo(arguments);
    EXPECT_EQ(outcome.exit_code, 3) << expected << ": " << outcome.error;
    EXPECT_EQ(outcome.out, "") << expected;
    EXPECT_TRUE(says(outcome.error, expected));
  }
  EXPECT_FALSE(fs::exists(path("l.safetensors")));
}

TEST_F(Commands, MissingPermission) {
  if (geteuid() == 0) GTEST_SKIP() << "the superuser may read everything";
  const std::string file = write("secret.txt", "x");
  fs::permissions(file, fs::perms::none);
  const Outcome outcome = philo({"run", tiny, "--prompt-file", file});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_TRUE(says(outcome.error, file + ": Permission denied"));
}

TEST_F(Commands, MissingDevice) {
  for (const char* device : {"openvino:NPU", "onnxruntime:dml", "vulkan", "gpu"}) {
    const Outcome outcome = philo({"run", tiny, "-p", "x", "--device", device});
    EXPECT_EQ(outcome.exit_code, 4);
    EXPECT_TRUE(says(outcome.error, device));
    EXPECT_TRUE(says(outcome.error, "cpu"));
  }
}

TEST_F(Commands, RunStreamsAnAnswer) {
  const Outcome text = philo({"run", tiny, "-p", "Hello", "--max-new-tokens", "12", "--quiet"});
  const Json report = json_of(philo({"run", tiny, "-p", "Hello", "--max-new-tokens", "12", "--json"}));
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_EQ(text.error, "");
  EXPECT_EQ(text.out, report.at("text").get<std::string>() + "\n");
  for (const char* key :
       {"text", "ids", "prompt_ids", "finish_reason", "stop", "device", "weight_format", "timings", "notes"})
    EXPECT_TRUE(report.contains(key)) << key;
  for (const char* key : {"load_ms", "ttft_ms", "tpot_ms", "prompt_tokens", "new_tokens", "prefill_tokens_per_s",
                          "decode_tokens_per_s", "share_of_bandwidth"})
    EXPECT_TRUE(report.at("timings").contains(key)) << key;
  EXPECT_EQ(report.at("device"), "cpu");
  EXPECT_EQ(report.at("weight_format"), "bf16");
  EXPECT_EQ(report.at("timings").at("new_tokens"), report.at("ids").size());
  EXPECT_EQ(report.at("timings").at("prompt_tokens"), report.at("prompt_ids").size());
  EXPECT_EQ(report.at("notes"), Json::array());
  EXPECT_FALSE(report.contains("logprobs"));
  // The same prompt by way of `tokenize --chat`.
  const std::string messages = write("messages.json", R"([{"role": "user", "content": "Hello"}])");
  EXPECT_EQ(json_of(philo({"tokenize", tiny, "--chat", messages, "--json"})).at("ids"), report.at("prompt_ids"));
}

TEST_F(Commands, RunTakesIdsAnyWay) {
  const Json ids = json_of(philo({"run", tiny, "--ids", "1,2,3", "--max-new-tokens", "9", "--json", "--ignore-eos"}));
  EXPECT_EQ(ids.at("prompt_ids"), Json({1, 2, 3}));
  EXPECT_EQ(ids.at("finish_reason"), "length");
  EXPECT_EQ(ids.at("ids").size(), 9u);
  const Json file = json_of(philo(
      {"run", tiny, "--ids-file", write("ids.txt", "1 2\n3\n"), "--max-new-tokens", "9", "--json", "--ignore-eos"}));
  const Json input = json_of(
      philo({"run", tiny, "--ids-file", "/dev/stdin", "--max-new-tokens", "9", "--json", "--ignore-eos"}, "1,2,3"));
  const Json threads = json_of(
      philo({"run", tiny, "--ids", "1,2,3", "--max-new-tokens", "9", "--json", "--ignore-eos", "--threads", "1"}));
  EXPECT_EQ(file.at("ids"), ids.at("ids"));
  EXPECT_EQ(input.at("ids"), ids.at("ids"));
  EXPECT_EQ(threads.at("ids"), ids.at("ids"));
}

TEST_F(Commands, RunTakesPromptsFromFilesAndInput) {
  const Json given = json_of(philo({"run", tiny, "-p", "a b\n", "--raw", "--max-new-tokens", "3", "--json"}));
  const Json file = json_of(
      philo({"run", tiny, "--prompt-file", write("prompt.txt", "a b\n"), "--raw", "--max-new-tokens", "3", "--json"}));
  const Json input =
      json_of(philo({"run", tiny, "--prompt-file", "-", "--raw", "--max-new-tokens", "3", "--json"}, "a b\n"));
  EXPECT_EQ(file.at("prompt_ids"), given.at("prompt_ids"));
  EXPECT_EQ(input.at("prompt_ids"), given.at("prompt_ids"));
  // A prompt may look like an option or like a list.
  for (const char* prompt : {"--help", "[a,b]", "-1", "{}", "%%"})
    EXPECT_EQ(json_of(philo({"run", tiny, "-p", prompt, "--raw", "--max-new-tokens", "1", "--json"})).at("prompt_ids"),
              json_of(philo({"tokenize", tiny, "--file", write("p.txt", prompt), "--json"})).at("ids"))
        << prompt;
}

TEST_F(Commands, RunSamplesReproducibly) {
  const auto sampled = [](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", tiny,           "--ids",       "5,6",   "--max-new-tokens",
                                          "16",  "--ignore-eos", "--do-sample", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json_of(philo(arguments));
  };
  const Json drawn = sampled({});
  const Json again = sampled({"--seed", drawn.at("seed").dump()});
  EXPECT_EQ(again.at("ids"), drawn.at("ids"));
  EXPECT_NE(sampled({"--seed", "1"}).at("ids"), sampled({"--seed", "2"}).at("ids"));
}

TEST_F(Commands, RunNotesWhatHasNoEffect) {
  const Outcome outcome =
      philo({"run",           tiny,  "--ids",           "5",    "--max-new-tokens",    "2",    "--json",
             "--temperature", "0.3", "--group-size",    "-1",   "--activation-format", "fp32",
             "--system",      "x",   "--weight-format", "fp32", "--kv-format",         "fp16"});
  const Json report = json_of(outcome);
  EXPECT_EQ(report.at("weight_format"), "fp32");
  const std::string notes = report.at("notes").dump();
  EXPECT_TRUE(says(notes, "temperature is unused without --do-sample"));
  EXPECT_TRUE(says(notes, "--group-size: no effect with --weight-format fp32"));
  EXPECT_TRUE(says(notes, "--system has no effect"));
  EXPECT_TRUE(says(notes, "--kv-format fp16: no effect"));
  EXPECT_TRUE(says(outcome.error, "note: temperature is unused"));
}

// The demo model says the same sentence again when it is asked to; that is guessed, and nothing else changes.
TEST_F(Commands, RunSpeculates) {
  const auto answered = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", "-p", "Can you introduce yourself?", "--max-new-tokens", "160", "--ignore-eos", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json_of(philo(arguments));
  };
  const Json speculating = answered({}), plain = answered({"--no-speculation"});
  EXPECT_EQ(speculating.at("ids"), plain.at("ids"));
  EXPECT_EQ(plain.at("timings").at("guessed_tokens"), 0);
  EXPECT_EQ(plain.at("timings").at("decode_passes"), 159);
  EXPECT_GE(speculating.at("timings").at("guessed_tokens"), speculating.at("timings").at("agreed_tokens"));
  EXPECT_EQ(speculating.at("timings").at("decode_passes").get<int>() + speculating.at("timings").at("agreed_tokens").get<int>(), 159);
}

TEST_F(Commands, RunReportsLogprobsAndStops) {
  const Json report = json_of(
      philo({"run", tiny, "--ids", "5,6,7", "--max-new-tokens", "6", "--ignore-eos", "--logprobs", "3", "--json"}));
  ASSERT_EQ(report.at("logprobs").size(), 6u);
  for (size_t at = 0; at < 6; ++at) {
    const Json& position = report.at("logprobs")[at];
    EXPECT_EQ(position.at("id"), report.at("ids")[at]);
    ASSERT_EQ(position.at("top").size(), 3u);
    EXPECT_EQ(position.at("top")[0].at("id"), position.at("id"));
    EXPECT_GE(position.at("top")[0].at("logprob"), position.at("top")[1].at("logprob"));
    EXPECT_LE(position.at("logprob"), 0);
  }
  const std::string text = report.at("text");
  // Any plain letter of the answer may end it.
  const size_t letter = text.find_first_of("abcdefghijklmnopqrstuvwxyz");
  if (letter == std::string::npos) return;
  const Json stopped = json_of(philo({"run", tiny, "--ids", "5,6,7", "--max-new-tokens", "6", "--ignore-eos", "--stop",
                                      "[none]", "--stop", text.substr(letter, 1), "--json"}));
  EXPECT_EQ(stopped.at("finish_reason"), "stop");
  EXPECT_EQ(stopped.at("stop"), text.substr(letter, 1));
  EXPECT_EQ(stopped.at("text"), text.substr(0, letter));
}

TEST_F(Commands, RunShowsThePrompt) {
  const Outcome outcome =
      philo({"run", tiny, "-p", "Hello <|end|>", "--system", "Be brief.", "--show-prompt", "--max-new-tokens", "1"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(says(outcome.error, "Be brief."));
  EXPECT_TRUE(says(outcome.error, "<|user|>"));
  // Control tokens in a message stay plain text unless they are asked for.
  const auto count = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"run", tiny, "-p", "Hello <|end|>", "--max-new-tokens", "1", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json_of(philo(arguments)).at("prompt_ids").size();
  };
  EXPECT_GT(count({}), count({"--parse-special"}));
}

TEST_F(Commands, OutputThatCannotBeWritten) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run", tiny, "--ids", "1", "--max-new-tokens", "4"},
        {"run", tiny, "--ids", "1", "--json"},
        {"tokenize", tiny, "-p", "x"},
        {"inspect", tiny},
        {"devices"},
        {"--help"},
        {"completion", "bash"}}) {
    Start start;
    start.arguments = arguments;
    start.out_path = "/dev/full";
    const Outcome outcome = run_process(start);
    EXPECT_EQ(outcome.exit_code, 5) << arguments.front() << outcome.error;
    EXPECT_TRUE(says(outcome.error, "standard output: No space left"));
  }
  const Outcome logits = philo({"score", tiny, "--ids-file", write("ids.txt", "1 2 3 4"), "--logits", "/dev/full"});
  EXPECT_EQ(logits.exit_code, 5) << logits.error;
  EXPECT_TRUE(says(logits.error, "/dev/full"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  Start closed;
  closed.arguments = {"devices"};
  closed.out_path = "-";
  EXPECT_EQ(run_process(closed).exit_code, 1);
}

TEST_F(Commands, ReaderThatGoesAway) {
  Start start;
  start.arguments = {"run", long_model(), "--ids", "1,2", "--ignore-eos", "--max-new-tokens", "150000"};
  start.close_output_after_first_byte = true;
  const Outcome outcome = run_process(start);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.error, "");
}

TEST_F(Commands, InterruptKeepsThePartialAnswer) {
  Start start;
  start.arguments = {"run", long_model(), "--ids", "1,2", "--ignore-eos", "--max-new-tokens", "150000"};
  start.interrupt_after = "a";
  const Outcome outcome = run_process(start);
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_NE(outcome.out, "");
  EXPECT_EQ(outcome.out.back(), '\n');
  EXPECT_EQ(outcome.error, "");
}

TEST_F(Commands, ScoreReportsPerplexity) {
  const std::string text = write("text.txt", "Once upon a time there was\na cat.\n");
  const Json report = json_of(philo({"score", tiny, "--text-file", text, "--json"}));
  const Json tokens = json_of(philo({"tokenize", tiny, "--file", text, "--json"}));
  EXPECT_EQ(report.at("tokens"), tokens.at("ids").size());
  EXPECT_EQ(report.at("scored_tokens").get<size_t>(), tokens.at("ids").size() - 1);
  const double mean = report.at("mean_negative_log_likelihood"), scored = report.at("scored_tokens");
  EXPECT_NEAR(report.at("perplexity").get<double>() / std::exp(mean), 1, 1e-9);
  EXPECT_NEAR(report.at("word_perplexity").get<double>() / std::exp(mean * scored / 8), 1, 1e-9);
  const std::string logits = path("logits.safetensors");
  EXPECT_EQ(philo({"score", tiny, "--text-file", text, "--logits", logits}).exit_code, 0);
  const std::string file = read(logits);
  EXPECT_TRUE(says(file.substr(0, 200), "\"logits\""));
  EXPECT_GE(file.size(), tokens.at("ids").size() * 320 * 4);
  const Json windows =
      json_of(philo({"score", tiny, "--text-file", text, "--context", "8", "--stride", "4", "--json"}));
  EXPECT_EQ(windows.at("scored_tokens"), report.at("scored_tokens"));
}

TEST_F(Commands, TokenizeGoesBothWays) {
  const Json there = json_of(philo({"tokenize", tiny, "-p", "Hello, wörld", "--json"}));
  EXPECT_EQ(there.at("ids").size(), there.at("pieces").size());
  std::string ids;
  for (const Json& id : there.at("ids")) ids += id.dump() + ",";
  const Json back = json_of(philo({"tokenize", tiny, "--ids", ids, "--json"}));
  EXPECT_EQ(back, there);
  EXPECT_EQ(philo({"tokenize", tiny, "--ids", ids}).out, there.at("text").get<std::string>() + "\n");
  const Outcome lines = philo({"tokenize", tiny, "-p", "Hello"});
  EXPECT_TRUE(says(lines.error, " tokens"));
  const std::string chat =
      write("chat.json", R"([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}])");
  const Json cued = json_of(philo({"tokenize", tiny, "--chat", chat, "--json"}));
  const Json plain = json_of(philo({"tokenize", tiny, "--chat", chat, "--no-generation-prompt", "--json"}));
  EXPECT_TRUE(cued.at("text").get<std::string>().ends_with("<|assistant|>\n") ||
              cued.at("text").get<std::string>().ends_with("<|assistant|>"));
  EXPECT_FALSE(says(plain.at("text").get<std::string>().substr(plain.at("text").get<std::string>().size() - 14),
                    "<|assistant|>"));
}

TEST_F(Commands, InspectCountsTensorsAndMemory) {
  const Json report = json_of(philo({"inspect", tiny, "--context", "100", "--plan", "--json"}));
  EXPECT_EQ(report.at("architecture"), "Phi3ForCausalLM");
  EXPECT_EQ(report.at("config").at("layers"), 2);
  EXPECT_EQ(report.at("memory").at("context"), 100);
  EXPECT_EQ(report.at("memory").at("kv_bytes"), 100 * 2 * 2 * 2 * (96 + 4));  // int8 and a scale
  EXPECT_EQ(report.at("memory").at("kv_bytes_by_format").at("fp32"), 100 * 2 * 2 * (2 * 96) * 4);
  EXPECT_EQ(report.at("memory").at("visible_tokens"), 37);
  size_t bytes = 0;
  for (const Json& tensor : report.at("tensors")) bytes += tensor.at("bytes").get<size_t>();
  EXPECT_EQ(report.at("formats").at("BF16").at("bytes"), bytes);
  EXPECT_EQ(report.at("memory").at("weight_bytes"), bytes);
  EXPECT_TRUE(says(report.at("plan").get<std::string>(), "Attend"));
  EXPECT_EQ(json_of(philo({"inspect", tiny, "--weight-format", "fp32", "--json"})).at("memory").at("weight_bytes"),
            2 * bytes);
  const Outcome text = philo({"inspect", tiny, "--verbose"});
  EXPECT_TRUE(says(text.out, "model.layers.0.self_attn"));
  EXPECT_FALSE(says(philo({"inspect", tiny}).out, "model.layers.0.self_attn"));
}

TEST_F(Commands, DevicesListsTheProcessor) {
  const Json report = json_of(philo({"devices", "--json"}));
  ASSERT_FALSE(report.at("devices").empty());
  EXPECT_EQ(report.at("devices").front().at("name"), "cpu");
  EXPECT_EQ(report.at("devices").front().at("usable"), true);
  EXPECT_GT(report.at("machine").at("memory_bytes").get<double>(), 0);
  EXPECT_TRUE(says(philo({"devices"}).out, "cpu  "));
}

// The limits are measured once and kept in the user's cache folder; what is there is believed.
TEST_F(Commands, DevicesKeepsWhatItMeasured) {
  const auto run = [&](std::vector<std::string> arguments, const std::string& cache) {
    Start start;
    start.arguments = std::move(arguments);
    start.environment = {{"XDG_CACHE_HOME", cache}};
    return run_process(start);
  };
  // Nothing is measured for an answer whose statistics nobody sees.
  EXPECT_EQ(run({"run", tiny, "-p", "x", "--max-new-tokens", "2"}, path("cache")).exit_code, 0);
  EXPECT_FALSE(fs::exists(path("cache")));
  const Outcome first = run({"devices", "--threads", "1", "--json"}, path("cache"));
  EXPECT_TRUE(says(first.error, "note: measuring"));
  const Json machine = json_of(first).at("machine");
  for (const char* key :
       {"cpu", "threads", "read_gb_per_s", "int8_gop_per_s", "fp32_gflop_per_s", "memory_bytes", "one_thread"})
    EXPECT_TRUE(machine.contains(key)) << key;
  std::vector<fs::path> files(fs::directory_iterator(path("cache") + "/philo"), {});
  ASSERT_EQ(files.size(), 1u);

  Json kept = Json::parse(read(files[0].string()));
  kept["limits"][0]["read_gb_per_s"] = 1e-9;  // so slow that any answer takes more than all of it
  std::ofstream(files[0]) << kept.dump();
  const Outcome again = run({"devices", "--threads", "1", "--json"}, path("cache"));
  EXPECT_EQ(again.error, "");
  EXPECT_EQ(json_of(again).at("machine").at("read_gb_per_s"), 1e-9);
  EXPECT_EQ(json_of(again).at("machine").at("int8_gop_per_s"), machine.at("int8_gop_per_s"));
  const Outcome answer =
      run({"run", tiny, "--ids", "1,2,3", "--max-new-tokens", "8", "--ignore-eos", "--threads", "1", "--json"},
          path("cache"));
  EXPECT_EQ(answer.error, "") << "nothing is measured";
  const Json timings = json_of(answer).at("timings");
  EXPECT_GT(timings.at("share_of_bandwidth"), 1);
  EXPECT_GT(timings.at("share_of_fp32_peak"), 0);
  EXPECT_TRUE(timings.at("share_of_int8_peak").is_null());
  const Outcome shown =
      run({"run", tiny, "--ids", "1,2,3", "--max-new-tokens", "8", "--ignore-eos", "--threads", "1", "--verbose"},
          path("cache"));
  EXPECT_TRUE(says(shown.error, " % of the fp32 peak); 8 new tokens, "));
  EXPECT_TRUE(says(shown.error, " % of the memory's read bandwidth"));

  const Outcome text = run({"devices", "--threads", "1", "--remeasure"}, path("cache"));
  EXPECT_TRUE(says(text.error, "note: measuring"));
  EXPECT_TRUE(says(text.out, "int8, scalar"));
  EXPECT_GT(Json::parse(read(files[0].string())).at("limits")[0].at("read_gb_per_s"), 1e-6);
}

TEST_F(Commands, DevicesGoesOnWithoutACache) {
  Start start;
  start.arguments = {"devices", "--threads", "1"};
  start.environment = {{"XDG_CACHE_HOME", write("file", "not a folder")}};
  const Outcome outcome = run_process(start);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(says(outcome.error, "is not kept: " + path("file")));
  EXPECT_TRUE(says(outcome.out, "GB/s"));
}

TEST_F(Commands, CompletionKnowsEveryOption) {
  const std::string bash = philo({"completion", "bash"}).out;
  EXPECT_TRUE(says(bash, "--max-new-tokens"));
  EXPECT_TRUE(says(bash, "-W 'fp32 fp16 int8 int4'"));
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome script = philo({"completion", shell});
    EXPECT_EQ(script.exit_code, 0);
    for (const char* word : {"run", "tokenize", "temperature", "ids-file"}) EXPECT_TRUE(says(script.out, word));
  }
  if (access("/bin/bash", X_OK) != 0) GTEST_SKIP() << "no bash here";
  const auto completed = [&](const std::string& words, const std::string& index) {
    Start start;
    start.program = "/bin/bash";
    start.arguments = {
        "-c", bash + "\nCOMP_WORDS=(" + words + "); COMP_CWORD=" + index + "; _philo; echo \"${COMPREPLY[*]}\""};
    return run_process(start).out;
  };
  EXPECT_EQ(completed("philo ru", "1"), "run\n");
  EXPECT_EQ(completed("philo run --temp", "2"), "--temperature\n");
  EXPECT_EQ(completed("philo run --weight-format ''", "3"), "fp32 fp16 int8 int4\n");
}

TEST_F(Commands, SelftestChecksTheDemoModel) {
  const Json report = json_of(philo({"selftest", "--weight-format", "int4", "--json"}));
  EXPECT_EQ(report.at("weight_format"), "int4");
  EXPECT_TRUE(report.at("passed"));
  EXPECT_GE(report.at("checks").size(), 14u);
  const Outcome table = philo({"selftest"});
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_TRUE(says(table.out, "verdict: this machine computes this model right"));
}

TEST_F(Commands, SelftestFailsModelsThatPredictNothing) {
  const Outcome outcome = philo({"selftest", tiny});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(says(outcome.out, "FAILED: of a short built-in dialogue"));
  EXPECT_TRUE(says(outcome.out, "verdict: NOT right"));
}

TEST_F(Commands, ChatAnswersLinesOfAPipe) {
  const std::string saved = path("saved.json");
  const Outcome outcome =
      philo({"chat", tiny, "--max-new-tokens", "6", "--system", "Be brief."},
            "Hello\n/stats\n\"\"\"two\nlines\"\"\"\none \\\nmore\n/save " + saved + "\n/nonsense\n/quit\nnever\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_TRUE(says(outcome.error, "weights bf16"));
  EXPECT_TRUE(says(outcome.error, "prompt tokens"));
  EXPECT_TRUE(says(outcome.error, "no command /nonsense"));
  const Json messages = Json::parse(read(saved));
  ASSERT_EQ(messages.size(), 7u);
  EXPECT_EQ(messages[0], Json({{"role", "system"}, {"content", "Be brief."}}));
  EXPECT_EQ(messages[1].at("content"), "Hello");
  EXPECT_EQ(messages[3].at("content"), "two\nlines");
  EXPECT_EQ(messages[5].at("content"), "one \nmore");
  EXPECT_EQ(outcome.out, messages[2].at("content").get<std::string>() + "\n" +
                             messages[4].at("content").get<std::string>() + "\n" +
                             messages[6].at("content").get<std::string>() + "\n");
}

TEST_F(Commands, ChatResetsAndReports) {
  const Json report =
      json_of(philo({"chat", tiny, "--max-new-tokens", "4", "--json"}, "Hello\n/reset\n/system S\nHi\n"));
  ASSERT_EQ(report.at("messages").size(), 3u);
  EXPECT_EQ(report.at("messages")[0].at("content"), "S");
  EXPECT_EQ(report.at("messages")[1].at("content"), "Hi");
  EXPECT_EQ(report.at("answers").size(), 2u);
}

TEST_F(Commands, ChatOutgrowsTheContext) {
  const std::string turn = "A message of some length that fills the context.\n";
  const std::vector<std::string> arguments = {"chat", tiny, "--max-new-tokens", "4", "--context", "128"};
  const Outcome dropped = philo(arguments, turn + turn + turn + turn);
  EXPECT_EQ(dropped.exit_code, 0) << dropped.error;
  EXPECT_TRUE(says(dropped.error, "note: "));
  std::vector<std::string> strict = arguments;
  strict.insert(strict.end(), {"--overflow", "stop"});
  const Outcome stopped = philo(strict, turn + turn + turn + turn);
  EXPECT_EQ(stopped.exit_code, 3);
  EXPECT_TRUE(says(stopped.error, "128"));
}

// Another process takes up a conversation where the first one left it; a model or options that do not fit are refused, and the talk goes on.
TEST_F(Commands, ChatKeepsAndResumes) {
  const std::string kept = path("kept.safetensors");
  const std::vector<std::string> chat = {"chat", tiny, "--max-new-tokens", "6", "--json"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = chat;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const Json whole = json_of(philo(chat, "Hello\n/keep " + kept + "\nAnd now?\n"));
  const Json resumed = json_of(philo(chat, "/resume " + kept + "\nAnd now?\n"));
  ASSERT_EQ(whole.at("answers").size(), 2u);
  ASSERT_EQ(resumed.at("answers").size(), 1u);
  EXPECT_EQ(resumed.at("answers")[0].at("prompt_ids"), whole.at("answers")[1].at("prompt_ids"));
  EXPECT_EQ(resumed.at("answers")[0].at("ids"), whole.at("answers")[1].at("ids"));
  EXPECT_EQ(resumed.at("answers")[0].at("timings").at("prefilled_tokens"), whole.at("answers")[1].at("timings").at("prefilled_tokens"));

  const auto refused = [&](const Outcome& outcome, const char* reason) {
    EXPECT_EQ(outcome.exit_code, 3) << outcome.error;
    EXPECT_TRUE(says(outcome.error, reason));
    EXPECT_TRUE(says(outcome.error, "kept.safetensors"));
  };
  refused(philo(with({"--kv-format", "fp16"}), "/resume " + kept + "\n"), "was saved with kv_format");
  refused(philo(with({"--weight-format", "int8"}), "/resume " + kept + "\n"), "was saved with model");
  std::filesystem::resize_file(kept, std::filesystem::file_size(kept) - 100);
  refused(philo(chat, "/resume " + kept + "\n"), "ends");
  std::filesystem::copy_file(tiny + "/model.safetensors", kept, std::filesystem::copy_options::overwrite_existing);
  refused(philo(chat, "/resume " + kept + "\n"), "is no conversation that philo saved");
}

TEST_F(Commands, ChatSavesToAFullDisk) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  const Outcome outcome = philo({"chat", tiny, "--max-new-tokens", "2"}, "/save /dev/full\n");
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_TRUE(says(outcome.error, "/dev/full: No space left"));
}

TEST_F(Commands, ChatInATerminal) {
  Start start;
  start.terminal = true;
  start.arguments = {"chat", long_model(), "--max-new-tokens", "150000", "--ignore-eos"};
  start.environment = {{"XDG_STATE_HOME", path("state")}};
  // Left arrow twice, then the missing letter: "Helo" becomes "Hello". Ctrl-C stops the answer; at the prompt it first
  // hints.
  start.typed = {{"> ", "Helo\x1b[D\x1b[Dl\r"},
                 {"a", "\x03"},
                 {"stopped", ""},
                 {"> ", "/stats\r"},
                 {"messages", ""},
                 {"> ", "\x03"},
                 {"Ctrl-C again", ""},
                 {"> ", "/quit\r"}};
  const Outcome outcome = run_process(start);
  const std::string end = outcome.out.substr(outcome.out.size() - std::min<size_t>(outcome.out.size(), 400));
  EXPECT_EQ(outcome.exit_code, 0) << end;
  EXPECT_TRUE(says(end, "stopped"));
  EXPECT_TRUE(says(end, "2 messages"));
  EXPECT_EQ(outcome.out.find("\x1b]"), std::string::npos) << "what a model says can't command the terminal";
  EXPECT_TRUE(says(read(path("state") + "/philo/history"), "Hello"));
  start.typed = {{"> ", "\x03"}, {"Ctrl-C again", "\x03"}};
  EXPECT_EQ(run_process(start).exit_code, 130);
  start.typed = {{"> ", "\x04"}};
  EXPECT_EQ(run_process(start).exit_code, 0);
}

// The examples are built by philo's own tree; they run with the demo model.
TEST_F(Commands, ExamplesAnswer) {
  const std::string demo = std::string(PHILO_BINARY_DIR) + "/share/philo/demo";
  const std::string model = fs::exists(demo + "/model.safetensors") ? demo : tiny;
  if (model == tiny) std::cerr << "SKIPPED: the demo model has no weights here; the examples run with a random model\n";
  Start start;
  start.program = std::string(PHILO_BINARY_DIR) + "/bin/answer_c";
  if (!fs::exists(start.program)) GTEST_SKIP() << "the examples are not built";
  start.arguments = {model, "What is a cat?"};
  const Outcome c = run_process(start);
  EXPECT_EQ(c.exit_code, 0) << c.error;
  EXPECT_GT(c.out.size(), 1u);
  EXPECT_TRUE(says(c.error, "\"finish_reason\""));
  start.arguments = {"/no/such/model", "x"};
  EXPECT_EQ(run_process(start).exit_code, 3);
  start.program = std::string(PHILO_BINARY_DIR) + "/bin/answer_cpp";
  start.arguments = {model, "What is a cat?", "And a dog?"};
  const Outcome cpp = run_process(start);
  EXPECT_EQ(cpp.exit_code, 0) << cpp.error;
  EXPECT_TRUE(says(cpp.out, "> And a dog?\n"));
}

TEST_F(Commands, DemoModelAnswersWithoutAPath) {
  const std::string demo = std::string(PHILO_BINARY_DIR) + "/share/philo/demo";
  const Outcome outcome = philo({"run", "-p", "Hello", "--max-new-tokens", "3"});
  if (!fs::exists(demo + "/model.safetensors")) {
    EXPECT_EQ(outcome.exit_code, 3);
    GTEST_SKIP() << "the demo model has no weights here";
  }
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_GT(outcome.out.size(), 1u);
}

}  // namespace
