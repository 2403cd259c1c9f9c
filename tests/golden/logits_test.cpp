// Logits of every position against the reference, however the tokens are cut into turns.
#include <algorithm>
#include <array>
#include <cstring>

#include "golden/golden.h"

namespace philo::golden {

namespace {

class LogitsTest : public GoldenTest {};

// Where the device says that a token's numbers don't depend on its neighbours, they must be the same bits.
bool same_bits(std::span<const float> one, std::span<const float> other) {
  return one.size() == other.size() && std::memcmp(one.data(), other.data(), one.size_bytes()) == 0;
}

size_t longest_prompt(const Golden& golden) {
  size_t longest = 0;
  for (size_t index = 0; index < golden.prompts.size(); ++index)
    if (golden.prompts[index].ids.size() > golden.prompts[longest].ids.size()) longest = index;
  return longest;
}

TEST_P(LogitsTest, EveryPosition) {
  const auto network = compile();
  for (size_t prompt = 0; prompt < golden_->prompts.size(); ++prompt) {
    const auto session = network->open(golden_->prompts[prompt].ids.size());
    EXPECT_TRUE(agrees(*golden_, prompt, 0, feed(*network, *session, golden_->prompts[prompt].ids, 512), exact_error));
  }
}

TEST_P(LogitsTest, ChunksOfEverySize) {
  const auto network = compile();
  for (size_t prompt = 0; prompt < golden_->prompts.size(); ++prompt) {
    const std::vector<Token>& ids = golden_->prompts[prompt].ids;
    const auto session = network->open(ids.size());
    const std::vector<float> whole = feed(*network, *session, ids, 512);
    for (const size_t chunk : {1, 2, 3, 5, 16, 64}) {
      ASSERT_EQ(session->rewind(0), 0u);
      const std::vector<float> rows = feed(*network, *session, ids, chunk);
      EXPECT_TRUE(agrees(*golden_, prompt, 0, rows, exact_error)) << "chunks of " << chunk;
      if (network->traits().equal_columns) {
        EXPECT_TRUE(same_bits(rows, whole)) << golden_->name << ", prompt " << prompt << ", chunks of " << chunk;
      }
    }
  }
}

// Every prompt in a session of its own, all advancing together with turns of different lengths.
TEST_P(LogitsTest, NeighboursInOneForward) {
  const auto network = compile();
  const size_t vocabulary = static_cast<size_t>(golden_->plan->config.vocabulary);
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<std::vector<float>> rows(golden_->prompts.size());
  for (const auto& prompt : golden_->prompts) sessions.push_back(network->open(prompt.ids.size()));
  Logits logits;
  for (size_t round = 0;; ++round) {
    std::vector<Turn> turns;
    std::vector<size_t> owners;
    size_t free = network->traits().turn_tokens;
    for (size_t prompt = 0; prompt < sessions.size(); ++prompt) {
      const std::span<const Token> ids = golden_->prompts[prompt].ids;
      const size_t done = sessions[prompt]->position(),
                   next = std::min({ids.size() - done, 1 + (round + prompt * 3) % 7, free});
      if (next == 0) continue;
      turns.push_back({sessions[prompt].get(), ids.subspan(done, next), Rows::All, ids.size()});
      owners.push_back(prompt);
      free -= next;
    }
    if (turns.empty()) break;
    network->forward(turns, logits);
    size_t row = 0;
    for (size_t turn = 0; turn < turns.size(); ++turn)
      for (size_t token = 0; token < turns[turn].tokens.size(); ++token, ++row)
        rows[owners[turn]].insert(rows[owners[turn]].end(), logits.row(row).begin(), logits.row(row).end());
    ASSERT_EQ(row, logits.rows());
  }
  for (size_t prompt = 0; prompt < sessions.size(); ++prompt) {
    ASSERT_EQ(rows[prompt].size(), golden_->prompts[prompt].ids.size() * vocabulary);
    EXPECT_TRUE(agrees(*golden_, prompt, 0, rows[prompt], exact_error)) << "with neighbours";
    if (!network->traits().equal_columns) continue;
    const auto alone = network->open(golden_->prompts[prompt].ids.size());
    EXPECT_TRUE(same_bits(rows[prompt], feed(*network, *alone, golden_->prompts[prompt].ids, 512)))
        << golden_->name << ", prompt " << prompt << " with neighbours";
  }
}

TEST_P(LogitsTest, RowsThatAreAskedFor) {
  const auto network = compile();
  const size_t prompt = longest_prompt(*golden_);
  const std::span<const Token> ids = golden_->prompts[prompt].ids;
  const auto first = network->open(ids.size()), second = network->open(ids.size());
  Logits logits;
  const std::array<Turn, 2> prefix{{{first.get(), ids.first(ids.size() - 3), Rows::None, ids.size()},
                                    {second.get(), ids.first(1), Rows::Last, ids.size()}}};
  network->forward(prefix, logits);
  EXPECT_EQ(logits.rows(), 1u);
  const std::array<Turn, 2> rest{
      {{second.get(), ids.subspan(1), Rows::None, ids.size()}, {first.get(), ids.last(3), Rows::Last, ids.size()}}};
  network->forward(rest, logits);
  ASSERT_EQ(logits.rows(), 1u);
  EXPECT_TRUE(last_agrees(*golden_, prompt, logits.row(0), exact_error));
}

TEST_P(LogitsTest, RewindsToEveryPosition) {
  const auto network = compile();
  const size_t prompt = longest_prompt(*golden_), vocabulary = static_cast<size_t>(golden_->plan->config.vocabulary);
  const std::vector<Token>& ids = golden_->prompts[prompt].ids;
  const auto session = network->open(ids.size());
  const std::vector<float> whole = feed(*network, *session, ids, 512);
  for (size_t position = ids.size(); position-- > 0;) {
    const size_t kept = session->rewind(position);
    ASSERT_LE(kept, position);
    ASSERT_EQ(session->position(), kept);
    // Other tokens in between, so that what is left over of them would show.
    std::vector<Token> other(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept));
    while (other.size() < ids.size()) other.push_back(static_cast<Token>((other.size() * 7 + position) % vocabulary));
    if (position % 3 == 0) {
      feed(*network, *session, other, 16);
      ASSERT_LE(session->rewind(kept), kept);
    }
    const size_t from = session->position();
    const std::vector<float> rows = feed(*network, *session, ids, 13);
    ASSERT_TRUE(agrees(*golden_, prompt, from, rows, exact_error)) << "after a rewind to " << position;
    if (network->traits().equal_columns) {
      ASSERT_TRUE(same_bits(rows, std::span(whole).subspan(from * vocabulary)))
          << golden_->name << " after a rewind to " << position;
    }
  }
}

TEST_P(LogitsTest, AnyNumberOfThreads) {
  const size_t prompt = longest_prompt(*golden_);
  std::vector<float> one;
  for (const int threads : {1, 2, 3, 5}) {
    const auto network = compile(KvFormat::Fp32, threads);
    const auto session = network->open(golden_->prompts[prompt].ids.size());
    const std::vector<float> rows = feed(*network, *session, golden_->prompts[prompt].ids, 11);
    if (threads == 1) one = rows;
    EXPECT_TRUE(same_bits(rows, one)) << golden_->name << " with " << threads << " threads";
  }
}

TEST_P(LogitsTest, HalfPrecisionCache) {
  const auto network = compile(KvFormat::Fp16);
  for (size_t prompt = 0; prompt < golden_->prompts.size(); ++prompt) {
    const auto session = network->open(golden_->prompts[prompt].ids.size());
    const std::vector<float> whole = feed(*network, *session, golden_->prompts[prompt].ids, 512);
    EXPECT_TRUE(agrees(*golden_, prompt, 0, whole, half_cache_error));
    ASSERT_EQ(session->rewind(0), 0u);
    const std::vector<float> rows = feed(*network, *session, golden_->prompts[prompt].ids, 3);
    if (network->traits().equal_columns) {
      EXPECT_TRUE(same_bits(rows, whole)) << golden_->name << ", prompt " << prompt << ", chunks of 3";
    }
  }
}

// bfloat16 and float16 weights are exact in float32, and nothing else may be coarser.
TEST_P(LogitsTest, WeightsAsStored) {
  const auto network = compile(KvFormat::Fp32, 2, std::nullopt);
  for (size_t prompt = 0; prompt < golden_->prompts.size(); ++prompt) {
    const auto session = network->open(golden_->prompts[prompt].ids.size());
    const std::vector<float> whole = feed(*network, *session, golden_->prompts[prompt].ids, 512);
    EXPECT_TRUE(agrees(*golden_, prompt, 0, whole, exact_error));
    ASSERT_EQ(session->rewind(0), 0u);
    const std::vector<float> rows = feed(*network, *session, golden_->prompts[prompt].ids, 1);
    if (network->traits().equal_columns) {
      EXPECT_TRUE(same_bits(rows, whole)) << golden_->name << ", prompt " << prompt << ", token by token";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, LogitsTest, testing::ValuesIn(every_case()), case_name);

}  // namespace

}  // namespace philo::golden
