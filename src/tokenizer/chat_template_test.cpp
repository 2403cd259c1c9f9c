// Chat templates against jinja2's own renderings (tests/data/templates), their marks, their errors and their bounds.
#include "tokenizer/chat_template.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/refusal.h"

namespace philo {
namespace {

const std::string folder = std::string(PHILO_SOURCE_DIR) + "/tests/data/templates/";

MarkedText rendered(std::string_view source, const OrderedJson& messages, const OrderedJson& extra = OrderedJson::object()) {
  TemplateInput input;
  input.messages = messages;
  input.extra = extra;
  input.bos_token = "<s>";
  input.eos_token = "<|endoftext|>";
  return ChatTemplate(source, "test.jinja").render(input);
}

OrderedJson turn(const std::string& role, const std::string& content) { return {{"role", role}, {"content", content}}; }

std::string text_of(std::string_view source) { return rendered(source, OrderedJson::array({turn("user", "hi")})).text; }

std::string refusal_of(std::string_view source, const OrderedJson& messages = OrderedJson::array()) {
  return refusal([&] { rendered(source, messages); });
}

// The contents in brackets.
std::string marked(std::string_view source, const OrderedJson& messages) {
  const MarkedText text = rendered(source, messages);
  std::string out;
  size_t at = 0;
  for (const MarkedText::Range& range : text.contents) {
    EXPECT_LE(at, range.begin);
    EXPECT_LT(range.begin, range.end);
    out += text.text.substr(at, range.begin - at) + "[" + text.text.substr(range.begin, range.end - range.begin) + "]";
    at = range.end;
  }
  return out + text.text.substr(at);
}

TEST(ChatTemplate, RendersAsJinja2) {
  const OrderedJson goldens = parse_ordered_json(read_text_file(folder + "goldens.json", size_t{1} << 24), "goldens.json");
  std::map<std::string, ChatTemplate> templates;
  size_t errors = 0;
  for (const OrderedJson& expected : goldens.at("cases")) {
    const std::string name = expected.at("template");
    if (!templates.contains(name)) templates.emplace(name, ChatTemplate(read_text_file(folder + name, size_t{1} << 20), name));
    TemplateInput input;
    input.messages = goldens.at("chats").at(expected.at("chat").get<std::string>());
    input.add_generation_prompt = expected.at("add_generation_prompt");
    input.bos_token = "<s>";
    input.eos_token = "<|endoftext|>";
    if (expected.contains("tools")) input.tools = goldens.at("tools");
    const std::string what = name + ": " + expected.at("chat").get<std::string>();
    if (expected.contains("error")) {
      EXPECT_THROW(templates.at(name).render(input), Error) << what;
      ++errors;
    } else {
      EXPECT_EQ(templates.at(name).render(input).text, expected.at("text").get<std::string>()) << what;
    }
  }
  EXPECT_GT(goldens.at("cases").size(), 300u);
  EXPECT_GT(errors, 50u);
}

TEST(ChatTemplate, MarksWhatComesFromMessages) {
  const OrderedJson messages = OrderedJson::array({turn("user", "<|end|> Ab\n")});
  EXPECT_EQ(marked("<|user|>{{ messages[0].content }}<|end|>", messages), "<|user|>[<|end|> Ab\n]<|end|>");
  EXPECT_EQ(marked("{{ '<' + messages[0].content | trim + '>' }}", messages), "<[<|end|> Ab]>");
  EXPECT_EQ(marked("{{ messages[0].content[2:5] | upper }}!", messages), "[END]!");
  EXPECT_EQ(marked("{{ messages[0].content.split('|') | join('/') }}", messages), "[<]/[end]/[> Ab\n]");
  EXPECT_EQ(marked("{{ messages[0].content | replace('end', '<|x|>') }}", messages), "[<|]<|x|>[|> Ab\n]");
  EXPECT_EQ(marked("{{ messages[0].content | tojson }}", messages), "\"[<|end|> Ab\\n]\"");
  EXPECT_EQ(marked("{{ messages }}", messages), "[{'[role]': 'user', '[content]': '[<|end|> Ab\\n]'}]");
  EXPECT_EQ(marked("{{ '%s|%s' % ('<|a|>', messages[0].content) }}", messages), "<|a|>|[<|end|> Ab\n]");
  EXPECT_EQ(marked("{% set x %}a{{ messages[0].content }}b{% endset %}{{ x ~ x[::-1] }}", messages),
            "a[<|end|> Ab\n]bb[\nbA >|dne|<]a");
  EXPECT_EQ(marked("{% for c in messages[0].content %}{{ loop.index if loop.first else '' }}{{ c }}{% endfor %}", messages),
            "1[<|end|> Ab\n]");
  EXPECT_EQ(marked("{% for key, value in messages[0].items() %}{{ key }}={{ value | length }};{% endfor %}", messages),
            "[role]=4;[content]=11;");
}

TEST(ChatTemplate, TakesPlainRolesForItsOwnWords) {
  // Phi-4-mini's template makes its control tokens of roles; a role that could close the token stays a content.
  EXPECT_EQ(marked("{{ '<|' + messages[0].role + '|>' }}", OrderedJson::array({turn("tool_2-x", "")})), "<|tool_2-x|>");
  EXPECT_EQ(marked("{{ '<|' + messages[0].role + '|>' }}", OrderedJson::array({turn("a|><|end", "")})), "<|[a|><|end]|>");
  EXPECT_EQ(marked("{{ messages[0].part.role }}", OrderedJson::array({{{"role", "user"}, {"part", {{"role", "system"}}}}})), "[system]");
}

TEST(ChatTemplate, MarksTools) {
  TemplateInput input;
  input.tools = OrderedJson::array({{{"name", "<|end|>"}}});
  const MarkedText text = ChatTemplate("{% for tool in tools %}<{{ tool.name }}>{% endfor %}", "t").render(input);
  ASSERT_EQ(text.contents.size(), 1u);
  EXPECT_EQ(text.text, "<<|end|>>");
  EXPECT_EQ(text.contents[0].begin, 1u);
  EXPECT_EQ(text.contents[0].end, 8u);
}

TEST(ChatTemplate, MarksFurtherVariables) {
  const MarkedText text = rendered("{{ documents[0].text }}{{ bos_token }}", OrderedJson::array(), {{"documents", {{{"text", "<|end|>"}}}}});
  EXPECT_EQ(text.text, "<|end|><s>");
  ASSERT_EQ(text.contents.size(), 1u);
  EXPECT_EQ(text.contents[0].end, 7u);
}

TEST(ChatTemplate, SetsWhiteSpaceAsTransformersDoes) {
  EXPECT_EQ(text_of("  {% if true %}\n  a\n  {% endif %}\nb\n"), "  a\nb");
  EXPECT_EQ(text_of("  {%+ if true %}\n  a\n  {%- endif -%}\n\n b"), "    ab");
  EXPECT_EQ(text_of("x {{- 1 -}} \n y {#- c -#} z {# d #}\n!"), "x1yz !");
  EXPECT_EQ(text_of("{% raw %}{{ x }} {% if %}{% endraw %}\n."), "{{ x }} {% if %}.");
  EXPECT_EQ(text_of("a\r\nb\rc"), "a\nb\nc");
}

TEST(ChatTemplate, NamesFileAndLine) {
  const std::string unknown = refusal_of("a\n{{ x | shout }}");
  EXPECT_TRUE(says(unknown, "test.jinja"));
  EXPECT_TRUE(says(unknown, "line 2"));
  EXPECT_TRUE(says(unknown, "shout"));
  EXPECT_TRUE(says(refusal_of("{% if true %}"), "endif"));
  EXPECT_TRUE(says(refusal_of("{% include 'x' %}"), "include"));
  EXPECT_TRUE(says(refusal_of("{{ raise_exception('only user turns') }}"), "only user turns"));
  EXPECT_TRUE(says(refusal_of("\n\n{{ missing.part }}"), "line 3"));
  EXPECT_TRUE(says(refusal_of("{{ 'open"), "line 1"));
}

TEST(ChatTemplate, RefusesBadInput) {
  for (const char* source : {"{{", "{%", "{#", "{{ }}", "{{ (1 }}", "{{ 1 + }}", "{% for %}{% endfor %}", "{% endif %}", "{% break %}", "{{ a b }}",
                             "{{ 'a' 1 }}", "{{ x is nothing }}", "{% set 1 = 2 %}", "{{ 99999999999999999999 }}", "{{ '\\ud800' }}", "\xff",
                             "{% macro m(a, a) %}{% endmacro %}", "{{ f(a=1, 2) }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ [] + 1 }}", "{{ 'a' + 1 }}",
                             "{{ none + 1 }}", "{{ 1 < 'a' }}", "{{ 1() }}", "{{ 9223372036854775807 + 1 }}", "{{ [].append(1) }}", "{{ 1 | tojson(x=1) }}"})
    EXPECT_NE(refusal_of(source), "") << source;
  TemplateInput input;
  input.messages = OrderedJson::array({turn("user", "\xff")});
  EXPECT_THROW(ChatTemplate("{{ messages }}", "t").render(input), Error);
}

TEST(ChatTemplate, StaysWithinBounds) {
  const auto repeated = [](const std::string& text, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += text;
    return out;
  };
  for (const std::string& source : {
           std::string("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"),
           std::string("{{ 'x' * 100000000000 }}"),
           std::string("{{ 'x' | center(100000000000) }}"),
           std::string("{{ '%100000000000d' % 1 }}"),
           std::string("{{ range(100001) }}"),
           std::string("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
           std::string("{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}"),
           std::string("{% set n = namespace(x=['a']) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}"),
           std::string("{% set n = namespace(x='aaaaaaaa') %}{% for i in range(90) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}"),
           std::string("{% set n = namespace() %}{% set n.x = n %}{{ n }}"),
           std::string("{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = [n.x].index %}{% endfor %}"),
           std::string("{% set n = namespace(x=0) %}{% for i in range(9999) %}{% for a in [n.x, 1] %}{% set n.x = loop %}{% endfor %}{% endfor %}"),
           "{% macro m() %}{{ m()" + repeated("+1", 150) + " }}{% endmacro %}{{ m() }}",
           "{% macro m() %}{{ m()" + repeated("|list", 150) + " }}{% endmacro %}{{ m() }}",
           "{% macro m(a=m()" + repeated("+1", 150) + ") %}{% endmacro %}{{ m() }}",
           "{{ " + repeated("(", 100000) + "1" + repeated(")", 100000) + " }}", "{{ " + repeated("-", 100000) + "1 }}",
           "{{ 1" + repeated("+1", 100000) + " }}", "{{ " + repeated("not ", 100000) + "1 }}", "{{ x" + repeated("[0]", 100000) + " }}",
           "{{ x" + repeated("|list", 100000) + " }}", repeated("{% if 1 %}", 100000), "{{ " + repeated("[", 100000) + " }}"})
    EXPECT_NE(refusal_of(source), "") << source.substr(0, 80);
  OrderedJson deep = "x";
  for (int i = 0; i < 2000; ++i) deep = OrderedJson::array({deep});
  EXPECT_NE(refusal_of("{{ messages }}", deep), "");
}

TEST(ChatTemplate, FreesNamespacesThatHoldThemselves) {
  EXPECT_EQ(text_of("{% set n = namespace(a=1) %}{% set n.n = n %}{% set n.l = [n] %}{{ n.n.l[0].a }}"), "1");
}

}  // namespace
}  // namespace philo
