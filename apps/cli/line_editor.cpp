#include "line_editor.h"

#include <cstdio>

#include "output.h"
#include "terminal.h"

#ifdef PHILO_LIBEDIT
#include <histedit.h>

#include <cwchar>
#include <filesystem>
#include <utility>
#endif

namespace {

class PlainLines : public LineEditor {
 public:
  explicit PlainLines(bool interactive) : interactive_(interactive) {}
  bool interactive() const override { return interactive_; }

  Result read(const std::string& prompt, std::string& line) override {
    if (interactive_) write_error(prompt);
    line.clear();
    while (true) {
      const size_t end = pending_.find('\n');
      if (end != std::string::npos) {
        line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        return Result::Line;
      }
      if (pending_.size() > most_bytes) throw input_error("standard input: a line is longer than 16 MiB");
      char part[4096];
      const int count = read_input(part, sizeof part);
      if (interrupted()) return Result::Interrupt;
      if (count <= 0) break;
      pending_.append(part, static_cast<size_t>(count));
    }
    line.swap(pending_);  // the last line may lack its line feed
    return line.empty() ? Result::End : Result::Line;
  }

 private:
  static constexpr size_t most_bytes = size_t{1} << 24;
  std::string pending_;
  bool interactive_;
};

#ifdef PHILO_LIBEDIT

class EditedLines : public LineEditor {
 public:
  explicit EditedLines(std::string history_file) : history_file_(std::move(history_file)) {
    // The prompt goes to standard error: standard output holds the answers alone.
    editor_ = el_init("philo", stdin, stderr, stderr);
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, 1000);
    history(history_, &event, H_SETUNIQUE, 1);
    if (!history_file_.empty()) history(history_, &event, H_LOAD, history_file_.c_str());
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, &EditedLines::prompt_of);
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_GETCFN, &EditedLines::read_key);
    el_set(editor_, EL_SETTY, "-d", "intr=", nullptr);  // while a line is edited Ctrl-C is a key like others
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_set(editor_, EL_BIND, "\\e[1;5C", "em-next-word", nullptr);
    el_set(editor_, EL_BIND, "\\e[1;5D", "ed-prev-word", nullptr);
  }

  ~EditedLines() override {
    HistEvent event;
    std::error_code ignored;
    if (!history_file_.empty()) {
      std::filesystem::create_directories(std::filesystem::path(history_file_).parent_path(), ignored);
      history(history_, &event, H_SAVE, history_file_.c_str());
    }
    history_end(history_);
    el_end(editor_);
  }

  bool interactive() const override { return true; }

  Result read(const std::string& prompt, std::string& line) override {
    prompt_ = prompt;
    interrupted_ = false;
    fresh_ = true;
    int count = 0;
    const char* text = el_gets(editor_, &count);
    if (interrupted_ || (text == nullptr && interrupted())) {
      el_reset(editor_);
      std::fputs("^C\n", stderr);
      return Result::Interrupt;
    }
    if (text == nullptr || count <= 0) return Result::End;
    line.assign(text, static_cast<size_t>(count));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    HistEvent event;
    if (!line.empty()) history(history_, &event, H_ENTER, line.c_str());
    return Result::Line;
  }

 private:
  static EditedLines& self(EditLine* editor) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    return *static_cast<EditedLines*>(data);
  }
  static char* prompt_of(EditLine* editor) { return self(editor).prompt_.data(); }

  // One character of the keyboard. Ctrl-C ends the line; between two lines the terminal still makes a signal of it.
  static int read_key(EditLine* editor, wchar_t* character) {
    std::mbstate_t state{};
    while (true) {
      char byte = 0;
      const int count = read_input(&byte, 1);
      if (count == 1 && byte == '\x03') self(editor).interrupted_ = true;
      if (count != 1 || self(editor).interrupted_) return 0;
      // Ctrl-D typed before the terminal gives single keys arrives as a zero byte, ahead of all others.
      if (std::exchange(self(editor).fresh_, false) && byte == '\0') return 0;
      const size_t length = std::mbrtowc(character, &byte, 1, &state);
      if (length == static_cast<size_t>(-2)) continue;  // more bytes belong to it
      if (length != static_cast<size_t>(-1)) return 1;
      state = {};  // not UTF-8: the next byte may be
    }
  }

  std::string history_file_, prompt_;
  bool interrupted_ = false;
  bool fresh_ = true;  // no key of this line was read yet
  EditLine* editor_;
  History* history_;
};

#endif

}  // namespace

std::unique_ptr<LineEditor> make_line_editor(const std::string& history_file) {
  const bool people = is_terminal(Stream::In) && is_terminal(Stream::Error);
#ifdef PHILO_LIBEDIT
  if (people) return std::make_unique<EditedLines>(history_file);
#else
  static_cast<void>(history_file);  // the console keeps its own
#endif
  return std::make_unique<PlainLines>(people);
}
