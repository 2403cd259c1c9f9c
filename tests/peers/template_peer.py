#!/usr/bin/env python3
"""Random chat templates over random messages: philo against jinja2 as transformers sets it up.

A failure counts as a failure, whatever its words. Every difference is printed; the exit status says whether there was one."""
import argparse
import json
import random
import subprocess
import sys
import warnings

from transformers.utils.chat_template_utils import render_jinja_template

WORDS = ["user", "assistant", "system", "tool", "Hello, world!", "  two  words ", "", "<|end|>\n", "naïve ÄÖ ß", "漢字 😀", "a\nb\n\n c", "{{ x }}",
         "'q' \"d\" \\", "\t", "12", "-3.5", "x,y,z", "ONE two", "\u2028é", "a.b.c", "%s", "0"]
NAMES = ["v", "w", "n.a", "missing", "messages[0].content", "messages[-1]['role']", "messages[0]", "messages", "tools", "add_generation_prompt",
         "bos_token", "eos_token", "messages[1].extra", "messages[0]['absent']", "messages[9]"]
FILTERS = ["trim", "upper", "lower", "title", "capitalize", "length", "count", "list", "string", "first", "last", "join", "join(', ')", "join('-', 'role')",
           "tojson", "tojson(indent=4)", "tojson(indent=2)", "tojson(ensure_ascii=True)", "tojson(sort_keys=true)", "tojson(separators=(',', ':'))",
           "replace('a', 'bb')", "replace('', '.')", "replace('l', 'L', 1)", "default('d')", "d('x', true)", "default(none)", "reverse", "reverse | list", "sort",
           "sort(reverse=true)", "unique | list", "int", "int(7)", "float", "abs", "round", "round(1)", "round(2, 'floor')", "round(method='ceil')",
           "indent", "indent(2, true)", "indent(width=3, blank=true)", "wordcount", "truncate(9)", "truncate(5, true, '', 0)",
           "center(12)", "batch(2) | list", "map('upper') | list", "map(attribute='role') | list", "map(attribute='content', default='-') | join('|')",
           "selectattr('role', 'equalto', 'user') | list", "selectattr('content') | list | length", "rejectattr('role', 'in', ['user']) | list",
           "select | list", "select('string') | list", "reject('none') | list", "reject('odd') | list", "items | list", "dictsort", "dictsort(reverse=true)",
           "sum", "sum(start=3)", "min", "max", "max(attribute='role')", "groupby('role')", "groupby('role') | map('first') | list", "trim('ab ')",
           "format(1, 'a')", "attr('role')"]
TEXT_FILTERS = [f for f in FILTERS if f.split("(")[0].split(" ")[0] in {
    "trim", "upper", "lower", "title", "capitalize", "string", "tojson", "replace", "default", "d", "indent", "truncate", "center", "reverse"}
    and "list" not in f and "none" not in f]
LIST_FILTERS = ["list", "reverse | list", "unique | list", "select | list", "select('string') | list", "reject('none') | list", "batch(2) | list",
                "map('string') | list", "map('tojson') | list", "map('upper') | sort", "map('length') | list", "map(attribute='role') | list",
                "selectattr('role', 'equalto', 'user') | list", "rejectattr('role', 'in', ['user', 'x']) | list", "sort(attribute='role')",
                "groupby('role') | list", "map(attribute='role') | unique | list"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable", "true", "false", "odd", "even",
         "divisibleby(3)", "eq(1)", "equalto('user')", "ne('a')", "in(['user', 'tool'])", "in('abc')", "lower", "upper", "callable", "sameas(none)", "gt(1)", "lt(2.5)"]
METHODS = ["strip()", "lstrip()", "rstrip('\\n ')", "upper()", "lower()", "title()", "capitalize()", "swapcase()", "split()", "split(',')", "split('\\n', 1)",
           "rsplit(' ', 1)", "splitlines()", "splitlines(true)", "startswith('a')", "startswith(('a', 'H'))", "endswith('!')", "endswith('o', 0, 5)", "find('o')",
           "rfind('l')", "find('l', 3)", "count('l')", "count('')", "index('e')", "replace('l', '')", "replace('', '-', 2)", "isdigit()", "isalpha()", "isspace()",
           "isupper()", "istitle()", "isalnum()", "zfill(6)", "ljust(9)", "rjust(9, '*')", "center(9, '-')", "partition(' ')", "rpartition('b')",
           "removeprefix('H')", "removesuffix('!')", "join(['a', 'b'])", "items()", "keys() | list", "values() | list", "get('role')", "get('x', 'd')",
           "get('content')", "copy()", "index('user')", "count('user')", "append(1)", "update({})", "pop()"]


class Maker:
    """Writes templates; `depth` bounds their size."""

    def __init__(self, generator):
        self.generator = generator
        self.sense = 0.9  # the share of expressions that keep to the types that fit

    def pick(self, items):
        return self.generator.choice(items)

    def text(self):
        return repr(self.pick(WORDS)) if self.generator.random() < 0.7 else json.dumps(self.pick(WORDS), ensure_ascii=False)

    def number(self):
        return self.pick(["0", "1", "2", "3", "7", "10", "1.5", "0.25", "2.0", "1e3", "100000", "1_000", "2.675", "1e16", "0.00001"])

    def atom(self):
        roll = self.generator.random()
        if roll < 0.4:
            return self.pick(NAMES)
        if roll < 0.65:
            return self.text()
        if roll < 0.85:
            return self.number()
        return self.pick(["true", "false", "none", "True", "None", "[]", "{}", "()", "loop.index", "loop.last", "range(4)", "range(5, 0, -2)", "namespace(a=1).a",
                          "dict(a=1, b='c')", "loop.previtem", "loop.nextitem.role", "loop.cycle('a', 'b')", "m('p')", "m('p', 2)", "m(b=1, a=2)", "loop.revindex0"])

    def string(self, depth=2):
        """An expression that most often is a str."""
        if depth == 0:
            return self.pick([self.text(), self.text(), "messages[0].content", "messages[-1]['role']", "bos_token", "'' ~ v", "messages | length | string"])
        inner = lambda: self.string(depth - 1)
        forms = [
            lambda: f"({inner()} + {inner()})",
            lambda: f"({inner()} ~ {self.expression(depth - 1)})",
            lambda: f"({inner()}) | {self.pick(TEXT_FILTERS)}",
            lambda: f"({inner()}) | {self.pick(TEXT_FILTERS)} | {self.pick(TEXT_FILTERS)}",
            lambda: f"({inner()}).{self.pick([m for m in METHODS[:45] if 'index' not in m])}",
            lambda: f"({inner()})[{self.slice()}]",
            lambda: f"{self.list(depth - 1)} | join({self.text()})",
            lambda: f"{self.list(depth - 1)} | tojson",
            lambda: f"({inner()} * {self.pick(['0', '2', '3', '-1', 'true'])})",
            lambda: f"({inner()} if {self.condition(depth - 1)} else {inner()})",
            lambda: f"('%{self.pick(['s', '5s', '-6s|', '.2s', 'r'])}' % {inner()})",
            lambda: f"('%{self.pick(['d', '5d', '-5d|', '05d', '+d', '.2f', '8.3f', '-8.1f|', 'e', 'g', 'i', '+05d', ' d', '.3d'])}' % {self.quantity(depth - 1)})",
        ]
        return self.pick(forms)()

    def list(self, depth=2):
        if depth == 0:
            return self.pick(["messages", "messages", "[1, 3, 2]", "['b', 'a', 'B']", "[]", "range(5)", "('x', 'y')", "[true, none, 'q']", "[[1, 'a'], [2]]",
                              "messages[0].keys()", "messages[0].values() | list", "tools"])
        inner = lambda: self.list(depth - 1)
        return self.pick([lambda: f"({inner()})[{self.slice()}]", lambda: f"({inner()}) | {self.pick(LIST_FILTERS)}", lambda: f"({inner()} | list + {inner()} | list)",
                          lambda: f"[{self.string(depth - 1)}, {self.quantity(depth - 1)}]", lambda: f"({self.string(depth - 1)}).split({self.pick(['', repr(' '), repr('l')])})",
                          lambda: f"{self.string(depth - 1)} | list"])()

    def quantity(self, depth=2):
        """An expression that most often is a number."""
        if depth == 0:
            return self.pick([self.number(), self.number(), "messages | length", "-3", "-2.5", "true"])
        inner = lambda: self.quantity(depth - 1)
        return self.pick([lambda: f"({inner()} {self.pick(['+', '-', '*', '/', '//', '%'])} {inner()})", lambda: f"({self.list(depth - 1)} | length)",
                          lambda: f"({inner()} | {self.pick(['int', 'float', 'abs', 'round', 'round(1)', 'round(-1)', 'round(2, %r)' % 'ceil'])})",
                          lambda: f"({self.string(depth - 1)} | {self.pick(['length', 'int', 'float', 'wordcount', 'int(-1)'])})", lambda: f"-({inner()})",
                          lambda: f"({inner()}) ** {self.pick(['2', '0.5', '-1', '3'])}", lambda: f"([{inner()}, {inner()}] | {self.pick(['sum', 'min', 'max'])})"])()

    def condition(self, depth=2):
        return self.pick([lambda: f"{self.quantity(depth)} {self.pick(['==', '!=', '<', '>', '<=', '>='])} {self.quantity(depth)}",
                          lambda: f"{self.string(depth)} {self.pick(['==', '!=', '<', '>', 'in', 'not in'])} {self.string(depth)}",
                          lambda: f"{self.string(0)} in {self.list(depth)}", lambda: f"{self.pick(NAMES)} is {self.pick(TESTS[:13])}",
                          lambda: f"not {self.list(depth)}", lambda: f"{self.string(depth)} and {self.list(depth)}", lambda: f"{self.string(depth)} or {self.quantity(depth)}",
                          lambda: f"({self.quantity(depth)}) is {self.pick(['odd', 'even', 'divisibleby(3)', 'gt(1)', 'integer', 'float', 'number'])}",
                          lambda: f"({self.string(depth)}) is {self.pick(['lower', 'upper', 'string', 'mapping', 'sequence', 'iterable', 'in(%r)' % 'user'])}"])()

    def expression(self, depth=3):
        if self.generator.random() < self.sense:
            return self.pick([self.string, self.string, self.list, self.quantity, self.condition])(min(depth, 2))
        if depth == 0 or self.generator.random() < 0.15:
            return self.atom()
        inner = lambda: self.expression(depth - 1)
        forms = [
            lambda: f"{inner()} {self.pick(['+', '-', '*', '/', '//', '%', '~', '~', '+'])} {inner()}",
            lambda: f"({inner()}) ** {self.pick(['2', '0.5', '-1', '3'])}",
            lambda: f"{inner()} {self.pick(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'])} {inner()}",
            lambda: f"1 < {inner()} <= 3",
            lambda: f"{inner()} {self.pick(['and', 'or'])} {inner()}",
            lambda: f"not {inner()}",
            lambda: f"-{self.atom()}",
            lambda: f"({inner()})",
            lambda: f"({inner()}) | {self.pick(FILTERS)}",
            lambda: f"{inner()} | {self.pick(FILTERS)}",
            lambda: f"({inner()}) | {self.pick(FILTERS)} | {self.pick(FILTERS)}",
            lambda: f"({inner()}) is {self.pick(['', 'not '])}{self.pick(TESTS)}",
            lambda: f"{self.pick(NAMES)} is {self.pick(TESTS)}",
            lambda: f"({inner()}).{self.pick(METHODS)}",
            lambda: f"{self.pick(NAMES)}.{self.pick(METHODS)}",
            lambda: f"messages[0].content.{self.pick(METHODS)}",
            lambda: f"({inner()}).{self.pick(['role', 'content', 'a', 'extra'])}",
            lambda: f"({inner()})[{self.pick(['0', '-1', '1', '5', repr('role'), repr('a'), 'v', 'true'])}]",
            lambda: f"({inner()})[{self.slice()}]",
            lambda: f"messages[{self.slice()}]",
            lambda: f"[{inner()}, {inner()}]",
            lambda: f"({inner()}, {inner()})",
            lambda: f"{{'a': {inner()}, {self.text()}: {inner()}}}",
            lambda: f"{inner()} if {inner()} else {inner()}",
            lambda: f"({inner()} if {inner()})",
            lambda: f"'%s and %r' % ({inner()}, {inner()})",
            lambda: f"'%{self.pick(['d', '5d', '-5d|', '05d', '+d', '.2f', '8.3f', 'x', 's', '.1s', '%', 'e', 'g', '10s', 'i'])}' % {inner()}",
        ]
        return self.pick(forms)()

    def slice(self):
        bound = lambda: self.pick(["", "", "0", "1", "-1", "2", "-2", "9", "-9", "none", "v"])
        return f"{bound()}:{bound()}" + (f":{self.pick(['', '1', '2', '-1', '-2', '0'])}" if self.generator.random() < 0.4 else "")

    def tag(self, inner):
        left, right = self.pick(["", "", "", "-", "+"]), self.pick(["", "", "", "-"])
        return f"{{%{left} {inner} {right}%}}"

    def data(self):
        return self.pick(["", " ", "\n", "\n\n", "  \n  ", "x", "<|user|>\n", "\t", " end\n", "é", "\r\n", "{# note #}", "{#- note -#}\n", "{% raw %}{{ r }}{% endraw %}\n"])

    def statement(self, depth):
        expression = lambda: self.expression(2)
        if depth == 0 or self.generator.random() < 0.4:
            left, right = self.pick(["", "", "-"]), self.pick(["", "", "-"])
            filtered = self.pick([" | e", " | escape", " | safe"]) if self.generator.random() < 0.03 else ""
            return f"{{{{{left} {f'({expression()}){filtered}' if filtered else expression()} {right}}}}}"
        body = lambda: self.body(depth - 1)
        tag = self.tag
        loop_over = lambda: self.pick(["messages", "messages", "messages[1:]", "range(3)", "messages[0].items()", "[1, 2, 2]", "'abc'", "tools", "missing",
                                       "messages | reverse", "messages | groupby('role')"])
        forms = [
            lambda: tag(f"if {expression()}") + body() + tag("endif"),
            lambda: tag(f"if {expression()}") + body() + tag(f"elif {expression()}") + body() + tag("else") + body() + tag("endif"),
            lambda: tag(f"for v in {loop_over()}") + body() + tag("endfor"),
            lambda: tag(f"for v in {loop_over()}") + body() + "{{ loop.index }}{{ ',' if not loop.last }}" + tag("endfor"),
            lambda: tag(f"for v in {loop_over()} if {expression()}") + body() + tag("else") + body() + tag("endfor"),
            lambda: tag("for v, w in messages[0].items()") + body() + tag("endfor"),
            lambda: tag("for v in messages") + tag(f"if {expression()}") + tag(self.pick(["break", "continue"])) + tag("endif") + body() + tag("endfor"),
            lambda: tag(f"set {self.pick(['v', 'w'])} = {expression()}"),
            lambda: tag("set v, w = " + self.pick(["1, 2", "'ab'", "messages[:2]", expression()])),
            lambda: tag("set v") + body() + tag("endset"),
            lambda: tag("set v | trim | upper") + body() + tag("endset"),
            lambda: tag(f"set n.a = {expression()}"),
            lambda: tag("macro m(a, b='q')") + body() + "{{ a }}{{ b }}" + tag("endmacro") + "{{ m(1) }}",
            lambda: tag("macro k(a)") + "[{{ caller(a) }}]" + tag("endmacro") + tag("call(v) k(3)") + body() + tag("endcall"),
            lambda: tag(f"filter {self.pick(['upper', 'trim', 'indent(2)', 'replace(1, 2)'])}") + body() + tag("endfilter"),
            lambda: tag(f"with v = {expression()}, w = v") + body() + tag("endwith"),
            lambda: tag("generation") + body() + tag("endgeneration"),
        ]
        return self.pick(forms)()

    def body(self, depth):
        return "".join(self.data() + self.statement(depth) for _ in range(self.generator.randint(1, 3))) + self.data()

    def template(self):
        self.sense = self.pick([0, 0.8, 1, 1, 1])
        start = "{% set n = namespace(a='s', b=[1, 2]) %}" if self.generator.random() < 0.8 else ""
        macro = "{% macro m(a, b='q') %}({{ a }}{{ b }}){% endmacro %}" if self.generator.random() < 0.5 else ""
        return start + macro + self.body(self.pick([0, 0, 1, 1, 2, 3]))

    def messages(self):
        messages = []
        for _ in range(self.generator.choice([0, 1, 1, 2, 3, 4])):
            message = {"role": self.pick(["user", "assistant", "system", "tool", "Odd role"]), "content": self.pick(WORDS)}
            if self.generator.random() < 0.2:
                message["content"] = self.pick([None, [{"type": "text", "text": "t"}], 3, 2.5, {"a": [1, True, None]}])
            if self.generator.random() < 0.3:
                message["extra"] = self.pick([{"a": {"b": [1, "é", None]}}, [], "x", 0, -7, 1e20, 12345678901, False])
            messages.append(message)
        return messages


def rendered(case):
    """jinja2's text, or None where it fails."""
    try:
        texts, _ = render_jinja_template([case["messages"]], tools=case["tools"], chat_template=case["template"],
                                         add_generation_prompt=case["add_generation_prompt"], bos_token="<s>", eos_token="<|endoftext|>")
        texts[0].encode("utf-8")
        return texts[0]
    except Exception as error:  # whatever a template may raise
        case["peer_error"] = f"{type(error).__name__}: {error}"
        return None


def unsupported(error, text):
    """What philo refuses in words, and what no two programs print alike."""
    declined = ["not supported", "does not fit 64 bits", "has no text of its own", "is not a real number", "can't be printed",
                "has no slices"]  # jinja2 refuses that too, but not where all is constant
    return (error is not None and any(part in error for part in declined)) or (text is not None and (" object at 0x" in text or "Markup(" in text))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="build/…/bin/philo_render_lines")
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    maker = Maker(random.Random(options.seed))
    cases = [{"template": maker.template(), "messages": maker.messages(), "add_generation_prompt": maker.generator.random() < 0.5,
              "tools": maker.pick([None, [{"name": "f", "parameters": {"x": [1, 2.5]}}]])} for _ in range(options.cases)]
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([options.program], input=lines, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        print(f"{options.program} ended with {done.returncode}: {done.stderr}")
        return 1
    texts = failures = declined = different = 0
    for case, line in zip(cases, done.stdout.split("\n"), strict=False):
        answer = json.loads(line)
        expected = rendered(case)
        if unsupported(answer.get("error"), expected):
            declined += 1
        elif expected == answer.get("text"):
            texts += expected is not None
            failures += expected is None
        else:
            different += 1
            print(f"template {case['template']!r}\n messages {json.dumps(case['messages'])}\n tools {json.dumps(case['tools'])}")
            print(f" jinja2 {case.get('peer_error') if expected is None else repr(expected)}\n philo  {answer.get('error') or repr(answer['text'])}")
    print(f"{options.cases} templates: {texts} texts and {failures} failures alike, {declined} not supported, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
