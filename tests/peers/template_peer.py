#!/usr/bin/env python3
"""Holds philo's chat templates against jinja2 as transformers sets it up: random templates over random messages.

template_peer.py --program PATH/philo_render_lines [--cases N] [--seed N] [--show N]
Both must give the same bytes, or both must fail. Values that have no text of their own (generators, functions) are left out.
"""
import argparse
import json
import random
import re
import subprocess
import sys
import warnings

from transformers.utils.chat_template_utils import _compile_jinja_template

WORDS = ["user", "system", "<|end|>", "a b", " x ", "", "Ünï", "漢字😀", "'q'", "it's \"so\"", "A-b_c", "1", "-2.5", "\\n", "line\nline", "tab\t", "é\u0301",
         "ß", "ΑΣ", "\u2028", "<b>&amp;</b>", "{{x}}", "%s", "ﬁ"]
NAMES = ["x", "y", "z", "item", "messages", "m", "missing", "bos_token", "tools", "ns", "data"]
FILTERS = ["trim", "upper", "lower", "title", "capitalize", "length", "list", "string", "int", "float", "first", "last", "join(', ')", "join",
           "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(separators=(',', ':'))", "tojson(sort_keys=true)", "default('d')",
           "default('d', true)", "d(none)", "replace('a', '<|b|>')", "replace('', '-')", "replace('x', 'yy', 1)", "sort | list", "sort(reverse=true)",
           "unique | list", "reverse | list", "items | list", "dictsort", "map('upper') | list", "map(attribute='role') | list",
           "map(attribute='role', default='none') | list", "selectattr('role', 'equalto', 'user') | list", "selectattr('content') | list",
           "rejectattr('content', 'string') | list", "select('string') | list", "reject('none') | list", "select | list", "indent", "indent(2, true)",
           "indent(width=3, blank=true)", "abs", "round", "round(1)", "round(1, 'floor')", "round(0, 'ceil')", "min", "max", "sum", "center(9)",
           "batch(2) | list", "e", "count", "truncate(9)", "truncate(5, true, '')", "trim('a ')", "groupby('role')", "dictsort(reverse=true)",
           "dictsort(by='value')", "attr('role')", "safe", "format(1, 'b')", "wordcount", "max(attribute='n')", "sum(attribute='n')",
           "d"]
TESTS = ["defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number", "integer", "float", "boolean", "true", "false", "odd",
         "even", "equalto 'user'", "== 1", "in ['user', 1]", "divisibleby 2", "divisibleby(3)", "lower", "upper", "sameas none", "gt 1", "ne 'a'",
         "lt 3", "ge(2)", "callable", "filter", "eq none"]
METHODS = ["strip()", "strip('<|')", "lstrip()", "rstrip('>')", "split()", "split('|')", "split(' ', 1)", "rsplit(None, 1)", "rsplit('|', 1)",
           "startswith('<')", "endswith(('>', 'r'))", "upper()", "lower()", "title()", "capitalize()", "swapcase()", "replace('e', 'E')",
           "replace('e', 'E', 1)", "find('e')", "rfind('|')", "index('e')", "count('e')", "join(['a', 'b'])", "isdigit()", "isalpha()", "isspace()",
           "isupper()", "islower()", "isalnum()", "istitle()", "isnumeric()", "zfill(6)", "ljust(6, '.')", "rjust(6)", "center(7)", "splitlines()",
           "splitlines(true)", "partition('|')", "rpartition('|')", "removeprefix('<|')", "removesuffix('>')", "get('role')", "get('none', 'd')",
           "get('none')", "items() | list", "keys() | list", "values() | list", "items()", "keys()", "copy()", "append(1)", "pop()", "update({})",
           "count(1)", "index(1)"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.budget = 0

    def pick(self, options):
        return self.random.choice(options)

    def text(self):
        word = self.pick(WORDS)
        if self.random.random() < 0.3:
            word += self.pick(WORDS)
        return word

    def literal(self):
        word = self.text().replace("\\", "\\\\").replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #")
        if self.random.random() < 0.5:
            return "'" + word.replace("'", "\\'") + "'"
        return '"' + word.replace('"', '\\"').replace("\t", "\\t") + '"'

    def atom(self):
        return self.pick([
            self.literal, self.literal, lambda: self.pick(NAMES), lambda: self.pick(NAMES), lambda: str(self.random.randint(0, 12)),
            lambda: self.pick(["1.5", "0.1", "1e3", "2.0", "1e-7", "123456789.0", "1_000", "0x1f"]), lambda: self.pick(["true", "false", "none", "True", "None"]),
            lambda: "messages[" + str(self.random.randint(-3, 3)) + "]" + self.pick(["", ".role", ".content", "['content']", ".tools", "['n']"]),
            lambda: "loop." + self.pick(["index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem", "depth"])])()

    def expression(self, depth=0):
        self.budget -= 1
        if depth > 3 or self.budget < 0 or self.random.random() < 0.25:
            return self.atom()
        inner = lambda: self.expression(depth + 1)
        return self.pick([
            lambda: f"{inner()} {self.pick(['+', '-', '*', '/', '//', '%', '~', '~', '+'])} {inner()}",
            lambda: f"({inner()})", lambda: f"({inner()}, {inner()})", lambda: f"[{inner()}, {inner()}]", lambda: f"[{inner()}]", lambda: "[]",
            lambda: "{" + f"{self.literal()}: {inner()}, {self.literal()}: {inner()}" + "}",
            lambda: f"{inner()} {self.pick(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'])} {inner()}",
            lambda: f"{inner()} {self.pick(['and', 'or'])} {inner()}", lambda: f"not {inner()}", lambda: f"{inner()} if {inner()} else {inner()}",
            lambda: f"({inner()} if {inner()})", lambda: f"{self.atom()} | {self.pick(FILTERS)}", lambda: f"({inner()}) | {self.pick(FILTERS)}",
            lambda: f"({inner()}) | {self.pick(FILTERS)} | {self.pick(FILTERS)}",
            lambda: f"({inner()}) is {self.pick(['', 'not '])}{self.pick(TESTS)}", lambda: f"{self.pick(NAMES)} is {self.pick(TESTS)}",
            lambda: f"{self.atom()}.{self.pick(METHODS)}", lambda: f"({inner()}).{self.pick(METHODS)}",
            lambda: f"({inner()})[{self.pick(['0', '-1', '1:', ':-1', '::2', '::-1', '1:3', '-2:', ':', 'role', repr('role'), '5'])}]",
            lambda: f"-{self.atom()}", lambda: f"{self.atom()} ** {self.random.randint(0, 3)}",
            lambda: f"range({self.random.randint(0, 4)}) | list", lambda: f"range({self.random.randint(-3, 6)}, {self.random.randint(-3, 6)}, {self.pick(['1', '2', '-1'])})",
            lambda: f"dict(a={inner()}, b=2)", lambda: f"macro_one({inner()})", lambda: f"macro_two({inner()}, b={inner()})",
            lambda: f"{self.literal()} % {self.atom()}", lambda: f"'%s|%5.1f|%-4d|' % ({inner()}, {self.random.randint(1, 9)}, 7)",
            lambda: f"{inner()} < {inner()} <= {inner()}", lambda: "ns.value",
            lambda: f"({inner()}).{self.pick(['role', 'content', 'items', 'n', 'x'])}"])()

    def space(self):
        return self.pick(["", "", " ", "\n", "\n  ", "  \n", "text", " t ", "\n\n"])

    def open(self):
        return self.pick(["{%", "{%", "{%-", "{%+"])

    def close(self):
        return self.pick(["%}", "%}", "-%}", "+%}"])

    def tag(self, text):
        return f"{self.open()} {text} {self.close()}"

    def body(self, depth, loop=False):
        return "".join(self.statement(depth, loop) for _ in range(self.pick([1, 1, 1, 2])))

    def statement(self, depth=0, loop=False):
        self.budget = self.pick([1, 2, 2, 3, 6])
        out = self.space()
        kind = self.random.random()
        if depth > 2 or kind < 0.45:
            return out + self.pick(["{{", "{{", "{{-"]) + " " + self.expression() + " " + self.pick(["}}", "}}", "-}}"])
        if kind < 0.58:
            out += self.tag("if " + self.expression()) + self.body(depth + 1, loop)
            if self.random.random() < 0.3:
                out += self.tag("elif " + self.expression()) + self.body(depth + 1, loop)
            if self.random.random() < 0.5:
                out += self.tag("else") + self.body(depth + 1, loop)
            return out + self.tag("endif")
        if kind < 0.74:
            target, source = self.pick([("m", "messages"), ("x", "messages"), ("item", "data.list"), ("x, y", "data.map.items()"), ("x", "range(3)"),
                                        ("x", self.literal()), ("key", "data.map"), ("m", "messages[1:]"), ("x, y", "data.map | dictsort"), ("x", self.expression())])
            test = " if " + self.expression() if self.random.random() < 0.25 else ""
            out += self.tag(f"for {target} in {source}{test}") + self.body(depth + 1, True)
            if self.random.random() < 0.25:
                out += self.tag("else") + self.body(depth + 1, loop)
            return out + self.tag("endfor")
        if kind < 0.84:
            return out + self.tag(f"set {self.pick(['x', 'y', 'z', 'ns.value', 'ns.other', 'data'])} = {self.expression()}")
        if kind < 0.88:
            return out + self.tag(f"set {self.pick(['x', 'y'])}{self.pick(['', ' | upper', ' | trim'])}") + self.body(depth + 1, False) + self.tag("endset")
        if kind < 0.90 and loop:
            return out + self.tag(self.pick(["break", "continue"]))
        if kind < 0.92:
            return out + self.tag("generation") + self.body(depth + 1) + self.tag("endgeneration")
        if kind < 0.94:
            return out + self.tag(f"with x = {self.expression()}, y = 2") + self.body(depth + 1, loop) + self.tag("endwith")
        if kind < 0.96:
            return out + self.tag("filter " + self.pick(["upper", "trim", "indent(2)"])) + self.body(depth + 1, loop) + self.tag("endfilter")
        if kind < 0.97:
            return out + self.tag("call macro_three('a')") + self.body(depth + 1) + self.tag("endcall")
        if kind < 0.98:
            return out + "{# comment " + self.space() + self.pick(["#}", "-#}"])
        return out + self.tag("raw") + "{{ raw }}" + self.space() + self.tag("endraw")

    def template(self):
        head = "{% macro macro_one(a) %}[{{ a }}]{% endmacro %}{%- macro macro_two(a, b='d', c=none) -%}({{ a }}|{{ b }}|{{ c }}){%- endmacro -%}"
        head += "{% macro macro_three(a) %}<{{ a }}{{ caller() }}>{% endmacro %}{% set ns = namespace(value=1, other='o') %}"
        return head + self.statement(self.pick([0, 0, 1, 2, 3])) + self.space() + self.pick(["", "\n", "\n\n"])

    def messages(self):
        out = []
        for _ in range(self.random.randint(0, 4)):
            message = {"role": self.pick(["user", "assistant", "system", "tool", "<|x|>"]), "content": self.text()}
            if self.random.random() < 0.15:
                message["content"] = self.pick([None, [{"type": "text", "text": self.text()}], {"a": self.text()}, 3, 2.5, True])
            if self.random.random() < 0.3:
                message["n"] = self.random.randint(-5, 5)
            if self.random.random() < 0.2:
                message["tools"] = self.pick([None, "[]", [{"name": self.text(), "items": 1}]])
            out.append(message)
        return out

    def case(self):
        case = {"template": self.template(), "messages": self.messages(), "add_generation_prompt": self.random.random() < 0.5,
                "tools": self.pick([None, [{"name": self.text(), "parameters": {"b": 1, "a": [1.5, "é"]}}]]),
                "extra": {"data": {"list": [1, "two", 3.5, None, True, [1, 2], {"k": "v"}], "map": {"b": 1, "a": 2, "C": self.random.randint(0, 9)}},
                          "m": self.pick([{"role": "r", "n": 1}, "str", 5]), "item": self.text()}}
        return case


# What a printed generator, function or method looks like depends on addresses; errors of the interpreter's own bounds are not compared.
UNPRINTABLE = re.compile(r"<(generator|function|built-in|bound|class|Macro|bound method|list_reverseiterator|reversed|filter|map|dict_)|object at 0x|"
                         r"jinja2\.|LoopContext|reverseiterator")


def expected(case):
    try:
        text = _compile_jinja_template(case["template"]).render(
            messages=case["messages"], tools=case["tools"], documents=None, add_generation_prompt=case["add_generation_prompt"], bos_token="<s>",
            eos_token="<|endoftext|>", **case["extra"])
        return {"text": text}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    warnings.simplefilter("ignore")  # of Python's compiler, about templates that index numbers
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10)
    arguments = parser.parse_args()
    maker = Maker(arguments.seed)
    cases = [maker.case() for _ in range(arguments.cases)]
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    answers = subprocess.run([arguments.program], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    if len(answers) != len(cases):
        sys.exit(f"{arguments.program} answered {len(answers)} of {len(cases)} lines")
    agreed = failed_both = skipped = wrong = 0
    for case, line in zip(cases, answers):
        got, want = json.loads(line), expected(case)
        if "text" in want and UNPRINTABLE.search(want["text"]):
            skipped += 1
        elif "error" in want and "error" in got:
            failed_both += 1
        elif want.get("text") == got.get("text"):
            agreed += 1
        else:
            wrong += 1
            if wrong <= arguments.show:
                print(json.dumps({"template": case["template"], "messages": case["messages"]}, ensure_ascii=False), "\n  jinja2:", want,
                      "\n  philo: ", {key: got[key] for key in got if key != "contents"})
    print(f"{agreed} agree, {failed_both} fail in both, {skipped} without a text of their own, {wrong} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
