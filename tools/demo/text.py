"""Makes the demo model's text: dialogues from hand-written tables and grammars, the same for the same seed.

A question whose key falls into the held-out share never enters the training text; the held-out set is made of such
questions only. `python3 tools/demo/text.py` prints a sample.
"""
import argparse
import hashlib
import random

import stories
import talk
from explanations import *
from tables import *

HELD_OUT_SHARE = 40  # one key in so many is held out

_BLANK = str.maketrans("", "", "?!.,:;'\"")


def held_out(key):
    """Whether this question (an entity in a phrasing, or a pair of numbers) is kept out of the training text."""
    key = key.lower().translate(_BLANK)
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % HELD_OUT_SHARE == 0


class QA:
    """One question with its answer. `short` is the answer in a word or two, `key` what holding out goes by."""
    __slots__ = ("question", "answer", "short", "key", "fixed")

    def __init__(self, question, answer, short=None, key=None, fixed=False):
        self.question, self.answer, self.short = question, answer, short
        self.key, self.fixed = key or question, fixed


def a(word):
    return ("an " if word[0] in "aeiouAEIOU" and word not in ("unicorn", "uniform", "euro") else "a ") + word


def cap(text):
    return text[0].upper() + text[1:]


def bare(thing):
    for article in ("a pair of ", "a ", "an ", "the "):
        if thing.startswith(article):
            return thing[len(article):]
    return thing


def plural(noun):
    if noun in PLURAL_CATEGORY:
        return PLURAL_CATEGORY[noun]
    if noun in IRREGULAR_PLURAL:
        return IRREGULAR_PLURAL[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    return noun + "s"


def listing(items):
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " \
       "seventeen eighteen nineteen twenty".split()
NUMBER_WORD = {str(i): w for i, w in enumerate(ONES)}
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
MONTH_DAYS = dict(zip(MONTHS, (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)))
SEASON = {m: s for s, ms in {"winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)}.items()
          for m in (MONTHS[i - 1] for i in ms)}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


# ---------------------------------------------------------------- facts

def animal(r):
    name, kind, sound, legs, lives, eats, young, cover, moves = r.choice(ANIMALS)
    an, ns = a(name), plural(name)
    have_sound = "no sound" not in sound and "almost" not in sound
    kinds = ["kind", "legs", "lives", "eats", "young", "cover", "moves", "fly", "swim", "yesno", "about", "legsno"]
    if have_sound:
        kinds += ["sound", "sound", "who"]
    what = r.choice(kinds)
    if what == "kind":
        q = r.choice([f"What kind of animal is {an}?", f"Is {an} a mammal, a bird or something else?", f"What is {an}?",
                      f"What sort of animal is {an}?", f"Which group of animals do {ns} belong to?", f"What are {ns}?",
                      f"Tell me what {an} is.", f"What type of animal is the {name}?"])
        return QA(q, f"{cap(an)} is {a(kind)}.", cap(kind))
    if what == "legs":
        q = r.choice([f"How many legs does {an} have?", f"How many legs do {ns} have?", f"How many legs has {an} got?",
                      f"What number of legs does {an} have?", f"Tell me how many legs {an} has.",
                      f"Do you know how many legs {an} has?", f"Count the legs of {an}."])
        return QA(q, f"{cap(an)} has {legs} legs.", cap(legs if legs != "no" else "none"))
    if what == "legsno":
        number = r.choice(["two", "four", "six", "eight"])
        q = r.choice([f"Does {an} have {number} legs?", f"Has {an} got {number} legs?", f"Is it true that {an} has {number} legs?"])
        yes = number == legs
        return QA(q, f"Yes, {an} has {legs} legs." if yes else f"No, {an} has {legs} legs.", "Yes" if yes else "No")
    if what == "lives":
        q = r.choice([f"Where does {an} live?", f"Where do {ns} live?", f"Where can I find {an}?", f"What is the home of {an}?",
                      f"Where would I look for {an}?", f"Tell me where {ns} live.", f"In what place does {an} live?",
                      f"Do you know where {ns} live?"])
        return QA(q, f"{cap(ns)} live {lives}.", cap(lives))
    if what == "eats":
        q = r.choice([f"What does {an} eat?", f"What do {ns} eat?", f"What is the food of {an}?", f"What can I feed {an}?",
                      f"What food do {ns} like?", f"Tell me what {an} eats.", f"What do {ns} like to eat?",
                      f"Do you know what {ns} eat?"])
        return QA(q, f"{cap(ns)} eat {eats}.", cap(eats))
    if what == "young":
        q = r.choice([f"What is a baby {name} called?", f"What do you call a young {name}?", f"What is the name for a baby {name}?",
                      f"How do you call the young of {an}?", f"What is the young of {an} called?", f"What is a young {name}?",
                      f"Tell me the word for a baby {name}."])
        return QA(q, f"A baby {name} is called {a(young)}.", cap(young))
    if what == "cover":
        q = r.choice([f"What covers the body of {an}?", f"What does the skin of {an} look like?", f"What is the body of {an} covered with?",
                      f"What do {ns} have on their bodies?", f"Does {an} have fur, feathers or scales?"])
        return QA(q, f"{cap(an)} has {cover}.", cap(cover))
    if what == "moves":
        q = r.choice([f"What can {an} do?", f"What can {ns} do?", f"How does {an} move?", f"What are {ns} good at?",
                      f"What is {an} able to do?", f"Tell me what {an} can do."])
        return QA(q, f"{cap(ns)} can {moves}.", cap(moves))
    if what == "fly":
        yes = name in FLYERS
        q = r.choice([f"Can {an} fly?", f"Can {ns} fly?", f"Is {an} able to fly?", f"Do {ns} fly?", f"Does {an} fly?"])
        return QA(q, f"Yes, {an} can fly." if yes else f"No, {an} cannot fly.", "Yes" if yes else "No")
    if what == "swim":
        if name not in SWIMMERS and kind in ("mammal", "reptile", "amphibian", "insect"):
            return animal(r)
        yes = name in SWIMMERS
        q = r.choice([f"Can {an} swim?", f"Can {ns} swim?", f"Is {an} able to swim?", f"Do {ns} swim?"])
        return QA(q, f"Yes, {an} can swim." if yes else f"No, {an} does not swim.", "Yes" if yes else "No")
    if what == "yesno":
        other = r.choice(sorted(CLASS_FACT)) if r.random() < 0.6 else kind
        q = r.choice([f"Is {an} {a(other)}?", f"Are {ns} {plural(other)}?", f"Is it true that {an} is {a(other)}?",
                      f"Would you call {an} {a(other)}?"])
        yes = other == kind
        return QA(q, f"Yes, {an} is {a(kind)}." if yes else f"No, {an} is not {a(other)}. It is {a(kind)}.", "Yes" if yes else "No")
    if what == "sound":
        q = r.choice([f"What sound does {an} make?", f"What does {an} say?", f"Which sound does {an} make?",
                      f"How does {an} sound?", f"What noise does {an} make?", f"What sound do {ns} make?",
                      f"Tell me what sound {an} makes.", f"Do you know the sound of {an}?"])
        return QA(q, f"{cap(an)} {sound}.", f"It {sound}")
    if what == "who":
        if sum(row[2] == sound for row in ANIMALS) > 1:
            return animal(r)
        q = r.choice([f"Which animal {sound}?", f"What animal {sound}?", f"Name an animal that {sound}."])
        return QA(q, f"{cap(an)} {sound}.", cap(name))
    q = r.choice([f"Tell me about {ns}.", f"Tell me something about {an}.", f"What do you know about {ns}?", f"Describe {an}.",
                  f"Give me some facts about {ns}.", f"Write a few sentences about {ns}.", f"Explain what {an} is.",
                  f"Tell me about the {name}."])
    they = f"{cap(ns)} are {plural(kind) if kind != 'fish' else 'fish'}. They live {lives} and eat {eats}."
    return QA(q, they + f" They can {moves}. A young one is called {a(young)}.")


def colour(r):
    thing, shade = r.choice(COLOURS)
    plain = thing
    what = r.random()
    if what < 0.6:
        q = r.choice([f"What colour is {plain}?", f"What color is {plain}?", f"Which colour does {plain} have?",
                      f"What is the colour of {plain}?", f"Tell me the colour of {plain}.", f"Do you know what colour {plain} is?",
                      f"Which colour is {plain}?", f"What is the color of {plain}?"])
        return QA(q, f"{cap(plain)} is {shade}.", cap(shade))
    if what < 0.85:
        other = shade if r.random() < 0.5 else r.choice(["red", "green", "blue", "white", "black", "yellow", "brown"])
        q = r.choice([f"Is {plain} {other}?", f"Is it true that {plain} is {other}?", f"Is the colour of {plain} {other}?"])
        yes = other == shade
        return QA(q, f"Yes, {plain} is {shade}." if yes else f"No, {plain} is not {other}. It is {shade}.", "Yes" if yes else "No")
    things = [t for t, s in COLOURS if s == shade]
    q = r.choice([f"Name something that is {shade}.", f"What is {shade}?", f"Tell me a thing that is {shade}.", f"Which thing is {shade}?"])
    return QA(q, f"{cap(things[0])} is {shade}.", cap(things[0]))


def country(r):
    name, capital, continent, language = r.choice(COUNTRIES)
    is_name = cap(name)
    what = r.random()
    if what < 0.4:
        q = r.choice([f"What is the capital of {name}?", f"Which city is the capital of {name}?", f"Tell me the capital of {name}.",
                      f"What is the capital city of {name}?", f"Do you know the capital of {name}?", f"Name the capital of {name}.",
                      f"What city is the capital of {name}?", f"The capital of {name} is which city?"])
        return QA(q, f"The capital of {name} is {capital}.", capital)
    if what < 0.52:
        q = r.choice([f"{capital} is the capital of which country?", f"Which country has the capital {capital}?",
                      f"Where is {capital}?", f"In which country is {capital}?", f"What country is {capital} in?"])
        return QA(q, f"{capital} is the capital of {name}.", is_name)
    if what < 0.68:
        q = r.choice([f"On which continent is {name}?", f"Where is {name}?", f"What continent is {name} in?", f"Where can I find {name}?",
                      f"In which part of the world is {name}?", f"Which continent does {name} belong to?"])
        place = {"Australia and Oceania": "Oceania"}.get(continent, continent)
        return QA(q, f"{is_name} {'are' if name in ('the Netherlands', 'the Philippines', 'the United States') else 'is'} in {place}.", place)
    if what < 0.84:
        q = r.choice([f"What language do people speak in {name}?", f"Which language is spoken in {name}?", f"What do people speak in {name}?",
                      f"What is the language of {name}?", f"Tell me which language people speak in {name}."])
        return QA(q, f"In {name} people speak {language}.", language)
    if what < 0.95:
        other = capital if r.random() < 0.5 else r.choice(COUNTRIES)[1]
        q = r.choice([f"Is {other} the capital of {name}?", f"Is it true that {other} is the capital of {name}?"])
        if other == capital:
            return QA(q, f"Yes, {capital} is the capital of {name}.", "Yes")
        return QA(q, f"No, the capital of {name} is {capital}.", "No")
    q = r.choice([f"Tell me about {name}.", f"What do you know about {name}?", f"Give me some facts about {name}."])
    place = {"Australia and Oceania": "Oceania"}.get(continent, continent)
    return QA(q, f"{is_name} {'are' if name in ('the Netherlands', 'the Philippines', 'the United States') else 'is'} in {place}. "
                 f"The capital is {capital}. People there speak {language}.")


def word_pair(r):
    if r.random() < 0.65:
        x, y = r.choice(OPPOSITES)
        if r.random() < 0.5 and sum(x in p for p in OPPOSITES) == 1 and sum(y in p for p in OPPOSITES) == 1:
            x, y = y, x
        q = r.choice([f"What is the opposite of {x}?", f"Tell me the opposite of {x}.", f"What is the opposite of the word {x}?",
                      f"Which word is the opposite of {x}?", f"Give me the opposite of {x}.", f"What word means the opposite of {x}?",
                      f"Name the opposite of {x}.", f"Do you know the opposite of {x}?"])
        return QA(q, f"The opposite of {x} is {y}.", cap(y))
    x, y = r.choice(SYNONYMS)
    q = r.choice([f"What is another word for {x}?", f"Give me a word that means the same as {x}.", f"What is a synonym of {x}?",
                  f"Which word means the same as {x}?", f"Tell me another word for {x}."])
    return QA(q, f"Another word for {x} is {y}.", cap(y))


def tool(r):
    thing, use = r.choice(TOOLS)
    many = thing.startswith("a pair") or thing == "soap"
    what = r.random()
    if what < 0.6:
        q = r.choice([f"What is {thing} for?", f"What is {thing} used for?", f"What do you use {thing} for?", f"What can I do with {thing}?",
                      f"Why would I need {thing}?", f"What do people do with {thing}?", f"Tell me what {thing} is for.",
                      f"Explain what {thing} is used for.", f"How do people use {thing}?", f"What does one do with {thing}?"])
        return QA(q, f"You use {thing} to {use}.", f"To {use}")
    if what < 0.9:
        q = r.choice([f"What do I need to {use}?", f"Which thing do I use to {use}?", f"What can I use to {use}?", f"What helps me to {use}?",
                      f"I want to {use}. What do I need?", f"What do people use to {use}?", f"With what can I {use}?"])
        return QA(q, f"You need {thing} to {use}.", cap(thing))
    if many:
        return tool(r)
    q = r.choice([f"What is {thing}?", f"Explain what {thing} is.", f"Tell me about {thing}."])
    return QA(q, f"{cap(thing)} is a thing that people use to {use}.")


def job(r):
    name, does, where = r.choice(JOBS)
    what = r.random()
    if what < 0.4:
        q = r.choice([f"What does {a(name)} do?", f"What is the job of {a(name)}?", f"What is {a(name)}?", f"Tell me what {a(name)} does.",
                      f"What kind of work does {a(name)} do?", f"Explain the job of {a(name)}.", f"What do {plural(name)} do?"])
        return QA(q, f"{cap(a(name))} {does}.", None)
    if what < 0.65:
        q = r.choice([f"Where does {a(name)} work?", f"Where do {plural(name)} work?", f"What is the workplace of {a(name)}?",
                      f"Where can I meet {a(name)}?", f"Tell me where {a(name)} works."])
        return QA(q, f"{cap(a(name))} works {where}.", cap(where))
    q = r.choice([f"Who {does}?", f"What do you call a person who {does}?", f"Which job is it when somebody {does}?",
                  f"Who is it that {does}?", f"What is the name of the job of someone who {does}?"])
    return QA(q, f"{cap(a(name))} {does}.", cap(a(name)))


def category(r):
    name = r.choice(sorted(CATEGORIES))
    items = CATEGORIES[name]
    what = r.random()
    if what < 0.3:
        n = r.choice([2, 3, 3, 3, 4, 5])
        n = min(n, len(items))
        word = ONES[n] if r.random() < 0.8 else str(n)
        ns = plural(name)
        q = r.choice([f"Name {word} {ns}.", f"Tell me {word} {ns}.", f"List {word} {ns}.", f"Give me {word} {ns}.",
                      f"Can you name {word} {ns}?", f"Give me the names of {word} {ns}.", f"What are {word} {ns}?"])
        return QA(q, f"{cap(ONES[n])} {ns} are {listing(items[:n])}.")
    if what < 0.5:
        item = r.choice(items)
        an = item if name in ("colour", "season", "language", "planet", "continent", "metal", "sport", "kind of weather", "meal",
                              "spice", "drink", "number") else a(item)
        if sum(item in v for v in CATEGORIES.values()) > 1:
            return category(r)
        q = r.choice([f"What kind of thing is {an}?", f"Is {an} {a(name)}?", f"What is {an}?", f"To which group does {an} belong?"])
        return QA(q, ("Yes, " + an if q.startswith("Is") else cap(an)) + f" is {a(name)}.", "Yes" if q.startswith("Is") else cap(name))
    if what < 0.65:
        other = r.choice([c for c in sorted(CATEGORIES) if c != name])
        item = r.choice(items)
        if item in CATEGORIES[other] or {name, other} <= {"bird", "mammal", "insect"} and False:
            return category(r)
        an = item if name in ("colour", "season", "language", "planet", "continent", "metal", "sport", "kind of weather", "meal",
                              "spice", "drink", "number") else a(item)
        if sum(item in v for v in CATEGORIES.values()) > 1:
            return category(r)
        q = r.choice([f"Is {an} {a(other)}?", f"Would you call {an} {a(other)}?", f"Is it true that {an} is {a(other)}?"])
        return QA(q, f"No, {an} is not {a(other)}. It is {a(name)}.", "No")
    other = r.choice([c for c in sorted(CATEGORIES) if c != name])
    odd = r.choice(CATEGORIES[other])
    chosen = r.sample(items, min(3, len(items)))
    if odd in items or any(c in CATEGORIES[other] for c in chosen) or {name, other} in ({"bird", "mammal"}, {"insect", "mammal"}):
        return category(r)
    words = chosen + [odd]
    r.shuffle(words)
    text = ", ".join(words)
    if what < 0.85:
        q = r.choice([f"Which word does not belong: {text}?", f"Which word is different: {text}?", f"Find the odd one out: {text}.",
                      f"Which of these does not fit: {text}?"])
        return QA(q, f"The word {odd} does not belong. The others are {plural(name)}.", cap(odd), key=text)
    text = ", ".join(chosen)
    q = r.choice([f"What do {listing(chosen)} have in common?", f"What are {listing(chosen)}?", f"Find one word for these things: {text}.",
                  f"Which group do {listing(chosen)} belong to?"])
    return QA(q, f"{cap(listing(chosen))} are {plural(name)}.", cap(plural(name)), key=text)


def thing_fact(r):
    what = r.random()
    if what < 0.35:
        thing, where = r.choice(PLACES)
        q = r.choice([f"Where can I find {thing}?", f"Where do you find {thing}?", f"Where would I look for {thing}?", f"Where is {thing} usually?",
                      f"In what place can one find {thing}?", f"Tell me where I can find {thing}."])
        return QA(q, f"You can find {thing} {where}.", cap(where))
    if what < 0.6:
        thing, stuff = r.choice(MATERIALS)
        q = r.choice([f"What is {thing} made of?", f"What material is {thing} made of?", f"Of what is {thing} made?", f"What do people make {thing} from?",
                      f"Tell me what {thing} is made of.", f"What do you need to make {thing}?"])
        return QA(q, f"{cap(thing)} is made of {stuff}.", cap(stuff))
    if what < 0.75:
        thing, parts = r.choice(PARTS)
        q = r.choice([f"What are the parts of {thing}?", f"What does {thing} have?", f"Which parts does {thing} have?", f"What does {thing} consist of?",
                      f"Name the parts of {thing}."])
        return QA(q, f"{cap(thing)} has {parts}.", cap(parts))
    if what < 0.9:
        thing, whole, number = r.choice(UNITS)
        verb = "are there in" if whole not in ("the English alphabet",) else "are in"
        q = r.choice([f"How many {thing} {verb} {whole}?", f"How many {thing} does {whole} have?", f"Tell me how many {thing} {whole} has.",
                      f"{cap(whole)} has how many {thing}?", f"How many {thing} make {whole}?", f"What is the number of {thing} in {whole}?"])
        n = NUMBER_WORD.get(number, number)
        return QA(q, f"There are {n} {thing} in {whole}." if thing not in ("sides", "corners", "wheels", "strings", "fingers", "colours")
                  else f"{cap(whole)} has {n} {thing}.", cap(n))
    part, use = r.choice(SENSES)
    q = r.choice([f"What do we do with our {part}?", f"What is the {part} for?" if not part.endswith("s") else f"What are the {part} for?",
                  f"What do people use their {part} for?", f"Which part of the body do we use to {use}?", f"With what do we {use}?"])
    if "Which" in q or "With" in q:
        return QA(q, f"We use our {part} to {use}.", cap(part))
    return QA(q, f"We use our {part} to {use}.", f"To {use}")


def definition(r):
    thing, meaning = r.choice(DEFINITIONS)
    short = bare(thing)
    q = r.choice([f"What is {thing}?", f"Explain what {thing} is.", f"What does the word {short} mean?", f"Tell me what {thing} is.",
                  f"Can you explain what {thing} is?", f"Define {short}.", f"What do people mean by {thing}?", f"Describe {thing}.",
                  f"What is meant by {thing}?", f"Do you know what {thing} is?", f"I do not know what {thing} is. Can you explain it?",
                  f"Explain {thing} in simple words.", f"Explain {thing} to a child."])
    return QA(q, meaning)


def why(r):
    forms, answer = r.choice(WHYS)
    return QA(r.choice(forms.split(";")), answer, fixed=True)


def compare(r):
    order, more, less, noun = r.choice([
        (SIZE_ORDER, "bigger", "smaller", True), (THING_SIZE, "bigger", "smaller", False), (SPEED_ORDER, "faster", "slower", False),
        (WEIGHT_ORDER, "heavier", "lighter", False), (HEAT_ORDER, "hotter", "colder", False), (AGE_ORDER, "older", "younger", False),
        (SIZE_ORDER, "bigger", "smaller", True)])
    i, j = sorted(r.sample(range(len(order)), 2))
    low, high = (a(order[i]), a(order[j])) if noun else (order[i], order[j])
    x, y = (low, high) if r.random() < 0.5 else (high, low)
    word = r.choice([more, less])
    right, wrong = (high, low) if word == more else (low, high)
    key = f"{word} {min(x, y)} {max(x, y)}"
    if r.random() < 0.6:
        q = r.choice([f"Which is {word}, {x} or {y}?", f"What is {word}, {x} or {y}?", f"Is {x} or {y} {word}?", f"Who is {word}, {x} or {y}?",
                      f"Tell me what is {word}: {x} or {y}."])
        return QA(q, f"{cap(right)} is {word} than {wrong}.", cap(right), key=key)
    q = r.choice([f"Is {x} {word} than {y}?", f"Is it true that {x} is {word} than {y}?"])
    if x == right:
        return QA(q, f"Yes, {x} is {word} than {y}.", "Yes", key=key)
    return QA(q, f"No, {y} is {word} than {x}.", "No", key=key)


def sequence(r):
    what = r.choice(["day", "day", "month", "month", "season", "letter", "letter", "days", "number", "planet", "position"])
    step, side = r.choice([(1, "after"), (-1, "before")])
    if what in ("day", "month", "letter"):
        items = {"day": DAYS, "month": MONTHS, "letter": [c.upper() for c in LETTERS]}[what]
        i = r.randrange(len(items))
        if what == "letter" and not 0 <= i + step < 26:
            return sequence(r)
        x, y = items[i], items[(i + step) % len(items)]
        q = r.choice([f"Which {what} comes {side} {x}?", f"What {what} comes {side} {x}?", f"What comes {side} {x}?",
                      f"Tell me the {what} {side} {x}.", f"Which {what} is {side} {x}?", f"What is the {what} {side} {x}?"])
        return QA(q, f"The {what} {side} {x} is {y}.", y)
    if what == "season":
        m = r.choice(MONTHS)
        q = r.choice([f"In which season is {m}?", f"What season is it in {m}?", f"Which season does {m} belong to?"])
        return QA(q, f"In the north {m} is in {SEASON[m]}.", cap(SEASON[m]))
    if what == "days":
        m = r.choice(MONTHS)
        q = r.choice([f"How many days does {m} have?", f"How many days are in {m}?", f"How long is {m}?"])
        extra = ", and in a leap year it has 29" if m == "February" else ""
        return QA(q, f"{m} has {MONTH_DAYS[m]} days{extra}.", str(MONTH_DAYS[m]))
    if what == "position":
        items, noun = r.choice([(DAYS, "day of the week"), (MONTHS, "month of the year")])
        i = r.randrange(len(items))
        nth = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()[i]
        q = r.choice([f"What is the {nth} {noun}?", f"Which is the {nth} {noun}?", f"Name the {nth} {noun}."])
        return QA(q, f"The {nth} {noun} is {items[i]}.", items[i])
    if what == "planet":
        i = r.randrange(8)
        nth = "first second third fourth fifth sixth seventh eighth".split()[i]
        q = r.choice([f"What is the {nth} planet from the Sun?", f"Which planet is the {nth} from the Sun?"])
        return QA(q, f"The {nth} planet from the Sun is {CATEGORIES['planet'][i]}.", CATEGORIES["planet"][i])
    n = r.randrange(1, 99)
    q = r.choice([f"Which number comes {side} {n}?", f"What number comes {side} {n}?", f"What comes {side} {n}?", f"What is the number {side} {n}?"])
    return QA(q, f"The number {side} {n} is {n + step}.", str(n + step))


def translation(r):
    row = r.choice(TRANSLATIONS)
    i = r.randrange(1, 5)
    language = ("French", "German", "Spanish", "Italian")[i - 1]
    q = r.choice([f"How do you say {row[0]} in {language}?", f"What is {row[0]} in {language}?", f"Translate {row[0]} into {language}.",
                  f"What is the {language} word for {row[0]}?", f"Say {row[0]} in {language}."])
    return QA(q, f"In {language}, {row[0]} is {row[i]}.", cap(row[i]))


# ---------------------------------------------------------------- arithmetic

def arithmetic(r):
    what = r.random()
    if what < 0.30:
        x, y = (r.randrange(0, 13), r.randrange(0, 13)) if r.random() < 0.35 else (r.randrange(1, 90), r.randrange(1, 90))
        if x + y > 100:
            x, y = x // 2, y // 2
        q = r.choice([f"What is {x} plus {y}?", f"What is {x} + {y}?", f"How much is {x} plus {y}?", f"How much is {x} + {y}?",
                      f"{x} + {y} = ?", f"{x}+{y}", f"What is {x}+{y}?", f"Add {x} and {y}.", f"Calculate {x} + {y}.", f"What is the sum of {x} and {y}?", f"{x} plus {y}?"])
        return QA(q, f"{x} plus {y} is {x + y}.", str(x + y), key=f"{x} plus {y}")
    if what < 0.50:
        x, y = (r.randrange(0, 21), r.randrange(0, 13)) if r.random() < 0.35 else (r.randrange(1, 101), r.randrange(1, 90))
        x, y = max(x, y), min(x, y)
        q = r.choice([f"What is {x} minus {y}?", f"What is {x} - {y}?", f"How much is {x} minus {y}?", f"How much is {x} - {y}?",
                      f"{x} - {y} = ?", f"{x}-{y}", f"What is {x}-{y}?", f"Subtract {y} from {x}.", f"Calculate {x} - {y}.", f"{x} minus {y}?", f"Take {y} away from {x}."])
        return QA(q, f"{x} minus {y} is {x - y}.", str(x - y), key=f"{x} minus {y}")
    if what < 0.62:
        x, y = r.randrange(0, 11), r.randrange(0, 11)
        q = r.choice([f"What is {x} times {y}?", f"How much is {x} times {y}?", f"What is {x} multiplied by {y}?", f"{x} times {y}?",
                      f"Multiply {x} by {y}.", f"What is {x} * {y}?", f"What is {x}*{y}?", f"{x} x {y}", f"Calculate {x} x {y}.", f"What is the product of {x} and {y}?"])
        return QA(q, f"{x} times {y} is {x * y}.", str(x * y), key=f"{x} times {y} {q[:8]}")
    if what < 0.67:
        y, z = r.randrange(1, 11), r.randrange(0, 11)
        q = r.choice([f"What is {y * z} divided by {y}?", f"How much is {y * z} divided by {y}?", f"Divide {y * z} by {y}.", f"What is {y * z} / {y}?"])
        return QA(q, f"{y * z} divided by {y} is {z}.", str(z))
    if what < 0.76:
        x, y = r.sample(range(0, 101), 2)
        word = r.choice(["bigger", "smaller", "larger", "greater", "less"])
        big = word in ("bigger", "larger", "greater")
        right = max(x, y) if big else min(x, y)
        wrong = x + y - right
        q = r.choice([f"Which number is {word}, {x} or {y}?", f"Which is {word}, {x} or {y}?", f"What is {word}, {x} or {y}?"])
        return QA(q, f"{right} is {word} than {wrong}.", str(right), key=f"{min(x, y)} or {max(x, y)}")
    if what < 0.82:
        x = r.randrange(0, 101)
        kind = r.choice(["even", "odd"])
        q = r.choice([f"Is {x} even or odd?", f"Is {x} an even number or an odd number?", f"Is {x} {kind}?", f"Is the number {x} {kind}?"])
        is_kind = "odd" if x % 2 else "even"
        if "or" in q.split():
            return QA(q, f"{x} is an {is_kind} number.", cap(is_kind))
        return QA(q, f"Yes, {x} is an {is_kind} number." if kind == is_kind else f"No, {x} is an {is_kind} number.", "Yes" if kind == is_kind else "No")
    if what < 0.87:
        x = r.randrange(1, 16)
        y = x + r.randrange(2, 10)
        numbers = [str(n) for n in range(x, y + 1)]
        q = r.choice([f"Count from {x} to {y}.", f"Can you count from {x} to {y}?", f"Please count from {x} to {y}.", f"Write the numbers from {x} to {y}."])
        return QA(q, ", ".join(numbers) + ".")
    if what < 0.90:
        step = r.choice([2, 3, 5, 10])
        x = r.randrange(0, 5) * step
        numbers = [x + step * k for k in range(4)]
        q = r.choice([f"What comes next: {', '.join(map(str, numbers))}?", f"Continue the sequence {', '.join(map(str, numbers))}."])
        return QA(q, f"The next number is {numbers[-1] + step}.", str(numbers[-1] + step))
    name, other = r.sample(NAMES, 2)
    item = r.choice("apple book ball coin egg flower pencil cookie stamp card shell cake button pear star".split())
    items = plural(item)
    x, y = r.randrange(2, 20), r.randrange(1, 15)
    form = r.randrange(6)

    def some(n):
        return f"{n} {items if n != 1 else item}"

    if form == 0:
        return QA(f"{name} has {some(x)}. {other} gives {name} {y} more. How many {items} does {name} have now?",
                  f"{x} plus {y} is {x + y}, so {name} has {x + y} {items}.", str(x + y), key=f"{item} {x} plus {y}")
    if form == 1:
        x, y = max(x, y) + 1, min(x, y)
        return QA(f"{name} has {some(x)}. {name} gives {y} to {other}. How many {items} are left?",
                  f"{x} minus {y} is {x - y}, so {some(x - y)} {'is' if x - y == 1 else 'are'} left.", str(x - y), key=f"{item} {x} minus {y}")
    if form == 2:
        return QA(f"There are {some(x)} in one box and {some(y)} in another box. How many {items} are there in all?",
                  f"{x} plus {y} is {x + y}, so there are {x + y} {items} in all.", str(x + y), key=f"{item} {x} plus {y}")
    if form == 3:
        x, y = r.randrange(2, 10), r.randrange(2, 6)
        return QA(f"There are {y} boxes with {x} {items} each. How many {items} are there?",
                  f"{y} times {x} is {x * y}, so there are {x * y} {items}.", str(x * y), key=f"{item} {x} times {y}")
    if form == 4:
        x, y = max(x, y) + 1, min(x, y)
        return QA(f"{name} has {some(x)} and loses {y} of them. How many {items} does {name} still have?",
                  f"{x} minus {y} is {x - y}, so {name} still has {some(x - y)}.", str(x - y), key=f"{item} {x} minus {y}")
    return QA(f"{name} finds {some(x)} and {other} finds {some(y)}. How many {items} do they have together?",
              f"{x} plus {y} is {x + y}, so they have {x + y} {items} together.", str(x + y), key=f"{item} {x} plus {y}")


# ---------------------------------------------------------------- copying and editing

NOUNS = sorted(set(REGULAR_NOUNS + [w for c in CATEGORIES.values() for w in c if w[0].islower()] + [n for n in IRREGULAR_PLURAL]))
ADJECTIVES = "red blue green old new big small happy sad tall little white black quiet loud kind brave clever warm cold".split()


def invented(r):
    return "".join(r.choice("bcdfgklmnprstvz") + r.choice("aeiou") + (r.choice("lmnrst") if r.random() < 0.4 else "") for _ in range(r.choice([2, 2, 3])))


def simple_sentence(r):
    subject = r.choice([f"the {r.choice(ADJECTIVES)} {r.choice(REGULAR_NOUNS)}", f"a {r.choice(['cat', 'dog', 'child', 'bird', 'boy', 'girl', 'horse'])}",
                        r.choice(NAMES), "my " + r.choice(["friend", "brother", "sister", "mother", "father", "teacher"]), "the " + r.choice(["cat", "dog", "child", "bird", "man", "woman"])])
    verb = r.choice(["likes", "sees", "has", "finds", "wants", "buys", "takes", "paints", "loves", "holds", "carries", "needs"])
    thing = r.choice(["the ", "a ", "my "]) + r.choice(["", "", r.choice([x for x in ADJECTIVES if x[0] not in "aeiou"]) + " "])
    noun = r.choice([n for n in REGULAR_NOUNS if n[0] not in "aeiou"])
    tail = r.choice(["", "", " in the garden", " every day", " at home", " in the morning", " near the river", " at school"])
    return cap(f"{subject} {verb} {thing}{noun}{tail}.")


def editing(r):
    what = r.choice("repeat repeat upper lower first last nth reverse replace plural singular past ing sentence fix sort count commas letter spell longer swap "
                    "number quote remove add compare_forms question negation contains twice wordcount".split())
    words = r.sample(NOUNS, r.choice([2, 3, 3, 4, 4, 5]))
    text = " ".join(words)
    if what == "repeat":
        s = r.choice([simple_sentence(r), simple_sentence(r), text, invented(r) + " " + invented(r), invented(r), cap(invented(r)) + " " + r.choice(words)])
        tail = "" if s[-1] == "." else "."
        q = r.choice([f"Repeat this: {s}", f"Repeat after me: {s}", f"Say this: {s}", f"Please repeat: {s}", f"Copy this text: {s}", f"Write this again: {s}",
                      f"Repeat the following text: {s}", f"Say exactly this: {s}"])
        return QA(q, s, key=s)
    if what == "twice":
        w = r.choice(NOUNS)
        n = r.choice([2, 3, 4])
        q = r.choice([f"Say {w} {ONES[n]} times.", f"Write the word {w} {ONES[n]} times.", f"Repeat the word {w} {ONES[n]} times."])
        return QA(q, " ".join([w] * n) + ".")
    if what in ("upper", "lower"):
        w = r.choice(NOUNS[::3])
        if what == "upper":
            q = r.choice([f"Write {w} in capital letters.", f"Write the word {w} in capital letters.", f"Put {w} in upper case.", f"Turn {w} into capital letters."])
            return QA(q, w.upper())
        q = r.choice([f"Write {w.upper()} in small letters.", f"Put {w.upper()} in lower case.", f"Turn {w.upper()} into small letters."])
        return QA(q, w)
    if what in ("first", "last"):
        w = words[0 if what == "first" else -1]
        q = r.choice([f"What is the {what} word of: {text}?", f"What is the {what} word in this list: {', '.join(words)}?", f"Tell me the {what} word: {text}.",
                      f"Give me the {what} word of this text: {text}"])
        return QA(q, f"The {what} word is {w}.", cap(w), key=text)
    if what == "nth":
        i = r.randrange(len(words))
        nth = ["first", "second", "third", "fourth", "fifth"][i]
        q = r.choice([f"What is the {nth} word of: {text}?", f"Which is the {nth} word in this list: {', '.join(words)}?", f"Tell me the {nth} word: {text}."])
        return QA(q, f"The {nth} word is {words[i]}.", cap(words[i]), key=text)
    if what == "reverse":
        q = r.choice([f"Reverse the order of these words: {text}", f"Say these words backwards: {text}", f"Write these words in reverse order: {', '.join(words)}",
                      f"Turn this list around: {', '.join(words)}"])
        return QA(q, (", " if "," in q else " ").join(words[::-1]) + ("." if "," in q else ""), key=text)
    if what == "replace":
        s = simple_sentence(r)
        inner = [w for w in s[:-1].split()[1:] if w in REGULAR_NOUNS]
        if not inner:
            return editing(r)
        old, new = inner[-1], r.choice([n for n in REGULAR_NOUNS if n[0] not in "aeiou"])
        q = r.choice([f"Replace {old} by {new}: {s}", f"Replace the word {old} with {new} in this sentence: {s}", f"Change {old} to {new}: {s}",
                      f"In this sentence, put {new} instead of {old}: {s}"])
        return QA(q, " ".join(new if w == old else new + "." if w == old + "." else w for w in s.split()), key=s + new)
    if what == "plural":
        n = r.choice(REGULAR_NOUNS + sorted(IRREGULAR_PLURAL))
        q = r.choice([f"What is the plural of {n}?", f"Make this word plural: {n}", f"Tell me the plural of {n}.", f"How do you write more than one {n}?", f"Give me the plural form of {n}."])
        return QA(q, f"The plural of {n} is {plural(n)}.", cap(plural(n)))
    if what == "singular":
        n = r.choice(REGULAR_NOUNS + sorted(IRREGULAR_PLURAL))
        q = r.choice([f"What is the singular of {plural(n)}?", f"Tell me the singular of {plural(n)}.", f"Give me the singular form of {plural(n)}."])
        return QA(q, f"The singular of {plural(n)} is {n}.", cap(n))
    if what == "past":
        base, past, _ = r.choice(VERBS)
        q = r.choice([f"What is the past tense of {base}?", f"What is the past of {base}?", f"Put this verb into the past: {base}", f"Tell me the past tense of {base}.",
                      f"Give me the past form of {base}."])
        return QA(q, f"The past tense of {base} is {past}.", cap(past))
    if what == "ing":
        base, _, ing = r.choice(VERBS)
        q = r.choice([f"What is the ing form of {base}?", f"Add ing to {base}.", f"Tell me the ing form of {base}."])
        return QA(q, f"The ing form of {base} is {ing}.", cap(ing))
    if what == "sentence":
        n = r.choice(REGULAR_NOUNS)
        q = r.choice([f"Make a sentence with the word {n}.", f"Write a sentence with {n}.", f"Use the word {n} in a sentence.", f"Write one sentence about {a(n)}."])
        i = sum(map(ord, n))
        return QA(q, [f"I can see {a(n)} from my window.", f"My friend has {a(n)} at home.", f"There is {a(n)} in the picture.",
                      f"We saw {a(n)} on our way to school."][i % 4])
    if what == "fix":
        s = simple_sentence(r)
        broken = s.lower().rstrip(".")
        if any(n in s.split() for n in NAMES) and r.random() < 0.5:
            return editing(r)
        q = r.choice([f"Correct this sentence: {broken}", f"Fix this sentence: {broken}", f"Fix the mistakes: {broken}", f"Write this sentence correctly: {broken}"])
        return QA(q, s, key=s)
    if what == "sort":
        numbers = r.random() < 0.5
        if numbers:
            items = r.sample(range(1, 60), r.choice([3, 4]))
            shown = ", ".join(map(str, items))
            q = r.choice([f"Sort these numbers: {shown}", f"Put these numbers in order: {shown}", f"Order these numbers from small to large: {shown}"])
            return QA(q, ", ".join(map(str, sorted(items))) + ".", key=shown)
        words = r.sample(NOUNS, 3)
        if len({w[0] for w in words}) < 3:
            return editing(r)
        q = r.choice([f"Sort these words: {', '.join(words)}", f"Put these words in alphabetical order: {', '.join(words)}", f"Sort these words by the alphabet: {' '.join(words)}"])
        return QA(q, ", ".join(sorted(words)) + ".", key=text)
    if what in ("count", "wordcount"):
        words = r.sample(NOUNS, r.randrange(1, 9))
        text = " ".join(words)
        shown = ", ".join(words)
        q = r.choice([f"How many words are in this list: {shown}?", f"Count the words: {text}", f"How many words are there: {text}?", f"Count the items in this list: {shown}."])
        n = len(words)
        return QA(q, f"There {'is' if n == 1 else 'are'} {ONES[n]} {'word' if n == 1 else 'words'}.", cap(ONES[n]), key=text)
    if what == "commas":
        q = r.choice([f"List these words with commas: {text}", f"Write these words with commas: {text}", f"Put commas between these words: {text}"])
        return QA(q, ", ".join(words) + ".", key=text)
    if what == "letter":
        w = r.choice(NOUNS)
        end = r.choice(["first", "last"])
        q = r.choice([f"What is the {end} letter of {w}?", f"Which letter does {w} {'begin' if end == 'first' else 'end'} with?", f"Tell me the {end} letter of the word {w}."])
        letter = (w[0] if end == "first" else w[-1]).upper()
        return QA(q, f"The {end} letter of {w} is {letter}.", letter)
    if what == "spell":
        w = r.choice([n for n in NOUNS if len(n) <= 7])
        q = r.choice([f"Spell the word {w}.", f"How do you spell {w}?", f"Spell {w}.", f"Can you spell {w}?"])
        return QA(q, "-".join(w.upper()) + ".", None)
    if what == "longer":
        w = r.choice([n for n in NOUNS if len(n) <= 8])
        q = r.choice([f"How many letters does the word {w} have?", f"How many letters are in {w}?", f"Count the letters of {w}."])
        return QA(q, f"The word {w} has {ONES[len(w)]} letters.", cap(ONES[len(w)]))
    if what == "swap":
        x, y = words[:2]
        q = r.choice([f"Swap these two words: {x} {y}", f"Exchange these words: {x} {y}", f"Put the second word first: {x} {y}"])
        return QA(q, f"{y} {x}", key=f"{x} {y}")
    if what == "number":
        n = r.randrange(21)
        if r.random() < 0.5:
            q = r.choice([f"Write the number {n} as a word.", f"How do you write {n} in letters?", f"Write {n} in words."])
            return QA(q, f"The number {n} is written {ONES[n]}.", cap(ONES[n]))
        q = r.choice([f"Write {ONES[n]} as a number.", f"Write {ONES[n]} in digits.", f"Which number is {ONES[n]}?"])
        return QA(q, f"The number {ONES[n]} is written {n}.", str(n))
    if what == "quote":
        s = simple_sentence(r)
        q = r.choice([f"Put this in quotes: {s}", f"Write this sentence in quotation marks: {s}"])
        return QA(q, f'"{s}"', key=s)
    if what == "remove":
        w = r.choice(words)
        if len(words) < 3:
            return editing(r)
        q = r.choice([f"Remove {w} from this list: {', '.join(words)}", f"Take {w} out of the list: {', '.join(words)}", f"Delete the word {w}: {', '.join(words)}"])
        return QA(q, ", ".join(x for x in words if x != w) + ".", key=text + w)
    if what == "add":
        w = r.choice(NOUNS)
        if w in words:
            return editing(r)
        q = r.choice([f"Add {w} to this list: {', '.join(words)}", f"Put {w} at the end of this list: {', '.join(words)}"])
        return QA(q, ", ".join(words + [w]) + ".", key=text + w)
    if what == "compare_forms":
        base, more, most = r.choice(COMPARATIVES)
        q = r.choice([f"What is the comparative of {base}?", f"What are the forms of {base}?", f"Compare the word {base}.", f"What is the superlative of {base}?"])
        return QA(q, f"The forms are {base}, {more} and {most}." if "forms" in q or "Compare the" in q else
                  f"The comparative of {base} is {more}." if "comparative" in q else f"The superlative of {base} is {most}.")
    if what == "question":
        noun, shade = r.choice(REGULAR_NOUNS), r.choice(ADJECTIVES)
        q = r.choice([f"Turn this into a question: The {noun} is {shade}.", f"Make a question from this sentence: The {noun} is {shade}."])
        return QA(q, f"Is the {noun} {shade}?", key=f"{noun} {shade}")
    if what == "negation":
        noun, shade = r.choice(REGULAR_NOUNS), r.choice(ADJECTIVES)
        q = r.choice([f"Make this sentence negative: The {noun} is {shade}.", f"Say the opposite: The {noun} is {shade}.", f"Negate this sentence: The {noun} is {shade}."])
        return QA(q, f"The {noun} is not {shade}.", key=f"{noun} {shade}")
    w = r.choice(words) if r.random() < 0.5 else r.choice(NOUNS)
    q = r.choice([f"Is the word {w} in this list: {', '.join(words)}?", f"Does this list contain {w}: {', '.join(words)}?"])
    return QA(q, f"Yes, the list contains {w}." if w in words else f"No, the list does not contain {w}.", "Yes" if w in words else "No", key=text + w)


def recitation(r):
    """A longer text to repeat word by word: dense practice in copying."""
    count = r.randrange(5, 26)
    kind = r.random()
    if kind < 0.4:
        words = [r.choice(NOUNS) for _ in range(count)]
    elif kind < 0.7:
        words = [r.choice([r.choice(NOUNS), r.choice(ADJECTIVES), r.choice(NAMES), str(r.randrange(100)), invented(r)]) for _ in range(count)]
    else:
        words = [simple_sentence(r) for _ in range(r.choice([1, 2, 2, 3]))]
    text = (", " if kind < 0.15 else " ").join(words)
    if held_out(text):
        return recitation(r)
    q = r.choice(["Repeat this: ", "Repeat after me: ", "Say this: ", "Please repeat: ", "Copy this text: ", "Write this again: ", "Repeat the following text: ", "Say exactly this: "])
    return [("user", q + text), ("assistant", text)]


# ---------------------------------------------------------------- reading

def reading(r):
    people = r.sample(NAMES, 3)
    things = r.sample(["ball", "book", "hat", "kite", "lamp", "cup", "bag", "key", "doll", "drum", "map", "coat", "pen", "bell", "box"], 3)
    shades = r.sample(["red", "blue", "green", "yellow", "black", "white", "brown", "small", "big", "old", "new"], 3)
    n = r.choice([2, 2, 3])
    form = r.randrange(7)
    i = r.randrange(n)
    if form in (0, 1):
        story = " ".join(f"{people[k]} has a {shades[k]} {things[k]}." if shades[k] != "old" else f"{people[k]} has an old {things[k]}." for k in range(n))
        which = r.randrange(4)
        shade = a(shades[i])
        if which == 0:
            return QA(f"{story} Who has the {things[i]}?", f"{people[i]} has the {things[i]}.", people[i], key=story)
        if which == 1:
            return QA(f"{story} What does {people[i]} have?", f"{people[i]} has {shade} {things[i]}.", cap(f"{shade} {things[i]}"), key=story)
        if which == 2 and shades[i] in ("red", "blue", "green", "yellow", "black", "white", "brown"):
            return QA(f"{story} What colour is the {things[i]}?", f"The {things[i]} is {shades[i]}.", cap(shades[i]), key=story)
        return QA(f"{story} Does {people[i]} have the {things[(i + 1) % n]}?", f"No, {people[(i + 1) % n]} has the {things[(i + 1) % n]}.", "No", key=story)
    if form in (2, 3):
        spots = r.sample(["in the box", "under the bed", "on the table", "in the garden", "behind the door", "in the kitchen", "on the shelf", "in the car"], 3)
        story = " ".join(f"The {things[k]} is {spots[k]}." for k in range(n))
        if r.random() < 0.6:
            q = r.choice([f"Where is the {things[i]}?", f"Where can I find the {things[i]}?"])
            return QA(f"{story} {q}", f"The {things[i]} is {spots[i]}.", cap(spots[i]), key=story)
        return QA(f"{story} What is {spots[i]}?", f"The {things[i]} is {spots[i]}.", cap(f"the {things[i]}"), key=story)
    if form == 4:
        x, y, z = people
        word, back = r.choice([("taller", "shorter"), ("older", "younger"), ("faster", "slower"), ("stronger", "weaker")])
        story = f"{x} is {word} than {y}."
        if r.random() < 0.5:
            return QA(f"{story} Who is {word}?", f"{x} is {word} than {y}.", x, key=story)
        return QA(f"{story} Who is {back}?", f"{y} is {back} than {x}.", y, key=story)
    if form == 5:
        acts = r.sample(["went to the market", "read a book", "played in the garden", "cooked soup", "rode a bicycle", "visited a friend", "slept all day",
                         "painted a picture", "wrote a letter", "cleaned the house"], 3)
        story = " ".join(f"{people[k]} {acts[k]}." for k in range(n))
        if r.random() < 0.5:
            return QA(f"{story} Who {acts[i]}?", f"{people[i]} {acts[i]}.", people[i], key=story)
        return QA(f"{story} What did {people[i]} do?", f"{people[i]} {acts[i]}.", None, key=story)
    foods = r.sample(["apples", "bread", "cheese", "soup", "rice", "cake", "fish", "pears", "eggs", "honey"], 3)
    story = " ".join(f"{people[k]} likes {foods[k]}." for k in range(n))
    if r.random() < 0.5:
        return QA(f"{story} What does {people[i]} like?", f"{people[i]} likes {foods[i]}.", cap(foods[i]), key=story)
    return QA(f"{story} Who likes {foods[i]}?", f"{people[i]} likes {foods[i]}.", people[i], key=story)


# ---------------------------------------------------------------- honest unknowns

DONT_KNOW = ["I am only a small demo model and I do not know that.", "I do not know that. I am only a small demo model.",
             "Sorry, I do not know that. A larger model may help you."]


def unknown(r):
    what = r.random()
    if what < 0.45:
        word = invented(r)
        if r.random() < 0.3:
            word = cap(word)
        if r.random() < 0.3:
            word += " " + invented(r)
        q = r.choice([f"What is a {word}?", f"What does {word} mean?", f"Who is {cap(word)}?", f"Tell me about {word}.", f"Where is {cap(word)}?",
                      f"How does a {word} work?", f"What is the capital of {cap(word)}?", f"What does a {word} eat?", f"Explain {word}."])
        return QA(q, f"I do not know the word {word if word in q else cap(word)}. I am only a small demo model.", key=q)
    if what < 0.8:
        topic = r.choice(UNKNOWN_TOPICS).strip()
        q = r.choice([f"Tell me about {topic}.", f"Explain {topic}.", f"What do you know about {topic}?", f"What is {topic}?", f"Write an essay about {topic}.",
                      f"Can you explain {topic}?", f"Give me details about {topic}."])
        return QA(q, r.choice(DONT_KNOW))
    year = r.randrange(1500, 2030)
    q = r.choice([f"What happened in {year}?", f"Who was born in {year}?", f"Who won the prize in {year}?", f"Who was the president in {year}?",
                  f"When did {cap(invented(r))} live?", f"Who wrote the book {cap(invented(r))}?", f"How old is {r.choice(NAMES)} {cap(invented(r))}?",
                  f"What is the telephone number of {r.choice(NAMES)}?", f"What is my password?", f"How many people live in {cap(invented(r))}?",
                  f"Who won the game yesterday?", f"What will happen tomorrow?", "What did I eat yesterday?", "Who will win the election?"])
    return QA(q, r.choice(DONT_KNOW))


def joke(r):
    q = r.choice(["Tell me a joke.", "Do you know a joke?", "Make me laugh.", "Can you tell me a joke?", "Tell me something funny.", "I want to hear a joke.", "Another joke, please."])
    return QA(q, r.choice(JOKES), fixed=True)


def talk_qa(r):
    q, answer, fixed = talk.small_talk(r)
    return QA(q, answer, fixed=fixed)


def code(r):
    q, answer = talk.code(r)
    return QA(q, answer)


def poem(r):
    q, answer, key = stories.poem(r)
    return QA(q, answer, key=key)


def story(r):
    q, answer, key = stories.story(r)
    return QA(q, answer, key=key)


MAKERS = [(animal, 13), (colour, 4), (country, 9), (word_pair, 6), (tool, 5), (job, 4), (category, 7), (thing_fact, 6), (definition, 7), (why, 7),
          (compare, 4), (sequence, 4), (translation, 1.5), (arithmetic, 18), (editing, 19), (reading, 8), (unknown, 5), (joke, 0.6), (talk_qa, 9),
          (code, 4), (poem, 1.5), (story, 4)]


def ask(r, training, makers=None):
    """One question and answer from the training or from the held-out share."""
    makers = makers or MAKERS
    for _ in range(100000):
        maker = r.choices([m for m, _ in makers], [w for _, w in makers])[0]
        qa = maker(r)
        if qa.fixed and training or held_out(qa.key) != training and not (qa.fixed and not training):
            return qa
    raise RuntimeError("no such question")


OPENERS = ["Hello! ", "Hi, ", "Hi! ", "Hello, ", "Hey, ", "I have a question. ", "Please tell me: ", "Please answer: ", "Quick question: ", "Tell me, ", "Please: ",
           "Can you help me? ", "One question: ", "Excuse me, ", "Dear philo, ", "So, ", "Okay, ", "And "]
CLOSERS = [" Please.", " Thanks.", " Thank you.", " Please answer in a full sentence.", " Thank you!", " I want to know it."]
KEEP_CASE = {"I", "I'm"} | set(NAMES) | {row[0] for row in COUNTRIES} | {row[1] for row in COUNTRIES} | set(DAYS) | set(MONTHS)


def vary(r, question):
    """The same question as people type it: polite, short, without capitals or punctuation."""
    if question.startswith("What is ") and r.random() < 0.06:
        question = "What's " + question[8:]
    x = r.random()
    if x < 0.68:
        return question
    if x < 0.76:
        return question.rstrip("?.")
    if x < 0.84:
        return question[0].lower() + question[1:].rstrip("?.") if question.split()[0] not in KEEP_CASE else question
    if x < 0.90 and "\n" not in question:
        opener = r.choice(OPENERS)
        first = question.split()[0].rstrip(",.")
        lower = not opener.rstrip().endswith((".", "!", "?")) and first not in KEEP_CASE and not first[0].isdigit() and not first.isupper()
        return opener + (question[0].lower() + question[1:] if lower else question)
    if x < 0.93 and question.endswith(("?", ".")):
        return question + r.choice(CLOSERS)
    if x < 0.96 and question.endswith("?"):
        return "Please tell me. " + question
    if x < 0.97:
        return question + " " * r.randrange(1, 3)
    return question


COPYING = ("epeat", "Say this", "Copy", "Write this", "Say exactly", "capital letters", "small letters", "upper case", "lower case", "Turn ", "Put ", "Correct", "Fix")


def turn(r, training, makers=None, brief=False):
    qa = ask(r, training, makers)
    exact = any(c in qa.question for c in COPYING)
    question = qa.question if exact else vary(r, qa.question)
    answer = qa.answer
    if qa.short and not exact and (brief or r.random() < 0.03):
        if not brief:
            question += r.choice([" Answer with one word.", " Answer in one word.", " Give me a short answer.", " Only the answer, please."])
        answer = qa.short + "."
    return question, answer


def dialogue(r, training=True):
    """A list of (role, text), a system prompt first in a third of them."""
    turns = []
    x = r.random()
    system = None
    brief = False
    if x < 0.24:
        system = "You are a helpful AI assistant."
    elif x < 0.36:
        system = r.choice(talk.SYSTEMS)
    elif x < 0.39:
        system, brief = r.choice(talk.BRIEF_SYSTEMS), True
    if system:
        turns.append(("system", system))
    y = r.random()
    if y < 0.06 and training:
        pairs = talk.memory(r, lambda: turn(r, True))
    elif y < 0.09:
        pairs = stories.story_with_question(r, lambda key: held_out(key) != training)
    else:
        count = r.choices([1, 2, 3, 4], [66, 19, 10, 5])[0]
        pairs = [turn(r, training, brief=brief) for _ in range(count)]
    for question, answer in pairs:
        turns += [("user", question), ("assistant", answer)]
    return turns


def render(turns):
    """The Phi-3 chat template, ended as the template ends a finished conversation."""
    return "".join(f"<|{role}|>\n{text}<|end|>\n" for role, text in turns) + "<|endoftext|>"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args()
    r = random.Random(options.seed)
    for _ in range(options.count):
        print(render(dialogue(r, not options.held_out)))


if __name__ == "__main__":
    main()
