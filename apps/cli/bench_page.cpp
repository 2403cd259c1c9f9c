#include "bench_page.h"

#include <algorithm>
#include <vector>

#include "bench_text.h"
#include "output.h"

namespace {

constexpr const char* style = R"(
:root { color-scheme: light dark; --paper: #fbfbfa; --card: #fff; --ink: #1c2024; --soft: #5d656d; --line: #e2e4e6; --track: #f0f1f2;
  --first: #9cc3ee; --first-limit: #4f8fd6; --next: #f3c48c; --next-limit: #df9138; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181b; --card: #1d2125; --ink: #e6e8ea; --soft: #9aa3ab; --line: #32383d; --track: #262b30;
    --first: #2f527a; --first-limit: #3f7cc0; --next: #6b4c25; --next-limit: #a96a20; --bad: #f2b8b5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 .25rem; }
h3 { font-size: .8rem; font-weight: 600; color: var(--soft); margin: 1.1rem 0 .1rem; }
p { margin: 0 0 .4rem; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; margin: 1.25rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; min-width: 0; }
.bar { display: block; width: 100%; height: 3.1rem; font-size: 13px; fill: var(--ink); font-variant-numeric: tabular-nums; }
.bar .track { fill: var(--track); }
.first .time { fill: var(--first); } .first .limit { fill: var(--first-limit); }
.next .time { fill: var(--next); } .next .limit { fill: var(--next-limit); }
.bar .bad { fill: var(--bad); }
.key { font-size: .8rem; color: var(--soft); margin: .9rem 0 0; }
.key b { display: inline-block; font-weight: 400; margin-right: 1em; }
.key span { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em; vertical-align: -.05em; }
.first .key .dark { background: var(--first-limit); } .first .key .light { background: var(--first); }
.next .key .dark { background: var(--next-limit); } .next .key .light { background: var(--next); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: right; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; line-height: 1.3; }
td { white-space: nowrap; }
.note { margin: .8rem 0 0; }
th.text, td.text { text-align: left; }
td.failed { text-align: left; white-space: normal; min-width: 18rem; color: var(--bad); }
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : without_controls(text)) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

std::string element(const std::string& name, const std::string& attributes, const std::string& inside) {
  return "<" + name + (attributes.empty() ? "" : " " + attributes) + ">" + inside + "</" + name + ">";
}

std::string cell_text(const BenchJson& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

bool failed(const BenchJson& run) { return run.at("failed").is_string(); }

std::string percent(const BenchJson& share) {
  return share.is_number() ? fixed(100 * share.get<double>(), 0) + " %" : std::string();
}

// The beginning and the end of a name that is too long for a bar.
std::string shortened(const std::string& name) {
  constexpr size_t most = 30, head = 18, tail = 10;
  if (name.size() <= most) return name;
  const auto continues = [&](size_t at) { return (static_cast<unsigned char>(name[at]) & 0xC0) == 0x80; };
  size_t end = head, begin = name.size() - tail;
  while (end > 0 && continues(end)) --end;
  while (begin < name.size() && continues(begin)) ++begin;
  return name.substr(0, end) + "\xE2\x80\xA6" + name.substr(begin);
}

// One of the two charts.
struct Panel {
  const char *style, *title, *explanation, *key;
  // The share of the limit that binds, null where it is not known, and that limit's name.
  std::pair<BenchJson, const char*> (*share)(const BenchJson& run);
};

std::pair<BenchJson, const char*> first_share(const BenchJson& run) {
  if (run.at("share_of_int8_peak").is_number()) return {run.at("share_of_int8_peak"), "of the int8 peak"};
  return {run.at("share_of_fp32_peak"), "of the fp32 peak"};
}

std::pair<BenchJson, const char*> next_share(const BenchJson& run) {
  return {run.at("share_of_bandwidth"), "of read bandwidth"};
}

constexpr Panel panels[] = {
    {"first", "First token",
     "From the prompt to the first token; shorter is better. Bound by what the processor computes.", "ttft_ms",
     first_share},
    {"next", "Next token", "From one token to the next; shorter is better. Bound by what the memory gives.", "tpot_ms",
     next_share}};

// Three lines high: the name above, the bar, with its value written over it. Widths are shares of the page's, so that
// text keeps its size on any screen.
std::string bar(const BenchJson& run, const Panel& panel, double longest) {
  const std::string weights = " \xC2\xB7 " + bench_weights_text(run);
  const std::string name = cell_text(run.at("device")) + weights;
  std::string text, shapes = R"(<rect class="track" x="0" y="22" width="100%" height="22" rx="3"/>)";
  if (failed(run)) {
    text = "failed: " + run.at("failed").get<std::string>();
    shapes += element("text", R"(class="bad" x="8" y="37.5")", escaped(text));
  } else if (const auto& milliseconds = run.at(panel.key); milliseconds.is_number()) {
    const auto [share, limit] = panel.share(run);
    const double width = longest > 0 ? 100 * milliseconds.get<double>() / longest : 0;
    const auto rectangle = [](const char* kind, double part) {
      return std::string("<rect class=\"") + kind + "\" x=\"0\" y=\"22\" width=\"" + fixed(std::max(part, 0.3), 2) +
             "%\" height=\"22\" rx=\"3\"/>";
    };
    shapes += rectangle("time", width);
    text = bench_milliseconds(milliseconds) + " ms";
    if (share.is_number()) {
      shapes += rectangle("limit", width * std::min(1.0, share.get<double>()));
      text += " \xC2\xB7 " + percent(share) + " " + limit;
    }
    shapes += element("text", R"(x="8" y="37.5")", escaped(text));
  } else {
    text = "only one token was generated";
    shapes += element("text", R"(x="8" y="37.5")", text);
  }
  const std::string whole = escaped(name + ": " + text);
  return element("svg", "class=\"bar\" role=\"img\" aria-label=\"" + whole + "\"",
                 element("title", "", whole) +
                     element("text", R"(x="0" y="15")", escaped(shortened(cell_text(run.at("device"))) + weights)) +
                     shapes) +
         "\n";
}

std::string chart(const BenchJson& runs, const Panel& panel) {
  double longest = 0;
  bool any = false;
  std::vector<std::string> cases;
  for (const auto& run : runs) {
    if (const auto& value = run.at(panel.key); value.is_number()) longest = std::max(longest, value.get<double>());
    any = any || panel.share(run).first.is_number();
    if (const std::string one = bench_case_text(run); std::find(cases.begin(), cases.end(), one) == cases.end())
      cases.push_back(one);
  }
  std::string text = element("h2", "", panel.title) + element("p", "class=\"soft\"", panel.explanation) + "\n";
  for (const std::string& one : cases) {
    text += element("h3", "", escaped(one)) + "\n";
    for (const auto& run : runs)
      if (bench_case_text(run) == one) text += bar(run, panel, longest);
  }
  if (any)
    text += element("p", "class=\"key\"",
                    "<b><span class=\"dark\"></span>what the machine's limit alone would take</b> <b><span "
                    "class=\"light\"></span>what it took</b>");
  return element("section", std::string("class=\"card ") + panel.style + "\"", "\n" + text) + "\n";
}

std::string table(const BenchJson& runs) {
  std::string head;
  for (const char* name : {"Device", "Kernels", "Weights", "KV cache"}) head += element("th", "class=\"text\"", name);
  for (const char* name : {"Prompt", "Depth", "Sessions", "First token ms", "Prompt tok/s", "Of peak", "Next token ms",
                           "New tok/s", "Of read bandwidth", "Spread", "Tokens a pass", "Load ms", "Peak memory"})
    head += element("th", "", name);
  std::string rows = element("tr", "", head) + "\n";
  for (const auto& run : runs) {
    std::string cells;
    const auto add = [&](const std::string& text, const std::string& attributes = "") {
      cells += element("td", attributes, escaped(text));
    };
    const auto number = [](const BenchJson& value, int digits) {
      return value.is_number() ? fixed(value, digits) : std::string();
    };
    const std::string device = cell_text(run.at("device"));
    add(shortened(device), "class=\"text\" title=\"" + escaped(device) + "\"");
    for (const std::string& text : {cell_text(run.at("isa")), bench_weights_text(run), cell_text(run.at("kv_format"))})
      add(text, "class=\"text\"");
    for (const char* key : {"prompt_tokens", "depth", "sessions"}) add(run.at(key).dump());
    if (failed(run)) {
      add("failed: " + run.at("failed").get<std::string>(), "class=\"failed\" colspan=\"10\"");
      rows += element("tr", "", cells) + "\n";
      continue;
    }
    add(bench_milliseconds(run.at("ttft_ms")));
    add(number(run.at("prefill_tokens_per_s"), 0));
    const bool int8 = run.at("share_of_int8_peak").is_number(), fp32 = run.at("share_of_fp32_peak").is_number();
    add(int8   ? percent(run.at("share_of_int8_peak")) + " int8"
        : fp32 ? percent(run.at("share_of_fp32_peak")) + " fp32"
               : "");
    add(bench_milliseconds(run.at("tpot_ms")));
    add(number(run.at("decode_tokens_per_s"), 1));
    add(percent(run.at("share_of_bandwidth")));
    add(percent(run.at("spread")));
    add(number(run.at("tokens_per_pass"), 2));
    add(number(run.at("load_ms"), 0));
    add(bytes_text(run.at("peak_memory_bytes")));
    rows += element("tr", "", cells) + "\n";
  }
  return element("section", "class=\"card\"",
                 element("h2", "", "All runs") + element("div", "class=\"wide\"", element("table", "", "\n" + rows))) +
         "\n";
}

}  // namespace

std::string bench_page(const nlohmann::ordered_json& report) {
  const auto& build = report.at("build");
  const std::string title = "philo bench: " + cell_text(report.at("model"));
  std::string head =
      "<meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>";
  head += element("title", "", escaped(title)) + element("style", "", style);
  std::string body =
      element("h1", "", escaped(title)) + "\n" + element("p", "", escaped(bench_machine_text(report))) + "\n";
  std::string how = bench_settings_text(report) + "; ";
  how += "memory " + bytes_text(report.at("machine").at("memory_bytes")) + "; philo " + cell_text(build.at("version")) +
         ", " + cell_text(build.at("compiler"));
  body += element("p", "class=\"soft\"", escaped(how)) + "\n";
  std::string charts;
  for (const Panel& panel : panels) charts += chart(report.at("runs"), panel);
  body += element("div", "class=\"panels\"", "\n" + charts) + "\n" + table(report.at("runs"));
  for (const auto& note : report.at("notes"))
    body += element("p", "class=\"soft note\"", escaped(note.get<std::string>())) + "\n";
  return "<!DOCTYPE html>\n" +
         element("html", "lang=\"en\"", element("head", "", head) + "\n" + element("body", "", "\n" + body)) + "\n";
}
