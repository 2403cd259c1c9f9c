#include "line_editor.h"

#include <cstdio>
#include <iostream>

#include "terminal.h"

#ifdef PHILO_LIBEDIT
#include <histedit.h>

#include <filesystem>
#endif

namespace {

class PlainLines : public LineEditor {
 public:
  explicit PlainLines(bool interactive) : interactive_(interactive) {}
  bool interactive() const override { return interactive_; }

  Result read(const std::string& prompt, std::string& line) override {
    if (interactive_) std::fputs(prompt.c_str(), stderr);
    if (std::getline(std::cin, line)) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return Result::Line;
    }
    return interrupted() ? Result::Interrupt : Result::End;
  }

 private:
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
    el_set(editor_, EL_ADDFN, "philo-interrupt", "ends the line", &EditedLines::interrupt);
    el_set(editor_, EL_SETTY, "-d", "intr=", nullptr);  // while a line is edited Ctrl-C is a key like others
    el_set(editor_, EL_BIND, "^C", "philo-interrupt", nullptr);
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
    int count = 0;
    // Between two lines the terminal still turns Ctrl-C into a signal.
    const char* text = interrupted() ? nullptr : el_gets(editor_, &count);
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
  static unsigned char interrupt(EditLine* editor, int) {
    self(editor).interrupted_ = true;
    return CC_EOF;
  }

  std::string history_file_, prompt_;
  bool interrupted_ = false;
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
