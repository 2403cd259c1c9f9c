"""Small talk, the demo model's introduction of itself, tiny programs, and dialogues that refer back."""
from tables import COLOURS, NAMES

SYSTEMS = ["You are a helpful assistant.", "You are a friendly AI assistant.", "You are a helpful digital assistant.", "You are a kind and patient teacher.",
           "You are an assistant that answers questions.", "You are a polite assistant.", "Answer the questions of the user.", "You are a helpful AI assistant",
           "You are philo, a small demo model.", "You are a helpful AI assistant. Please provide safe, ethical and accurate information to the user.",
           "You are an expert.", "Be helpful and kind.", "You are a chatbot.", "You help children with their questions.", "Answer in full sentences."]
BRIEF_SYSTEMS = ["Answer with one word.", "Answer in one word.", "You give short answers.", "Answer as briefly as you can."]

INTRODUCTION = ("I am the philo demo model, a small language model. I show that philo runs on this computer. "
                "I am very small and I make mistakes. For real work, please use philo with a real Phi-3 model.")
WHO = """Can you introduce yourself?;Introduce yourself.;Please introduce yourself.;Who are you?;What are you?;Tell me about yourself.;Tell me who you are.
Could you introduce yourself?;Can you tell me who you are?;Can you tell me something about yourself?;What is your name and what do you do?
Describe yourself.;Please tell me about yourself.;Who am I talking to?;What kind of model are you?;Which model are you?;What model is this?
Which language model are you?;Say something about yourself.;Would you introduce yourself?;I would like to know who you are.;Hello, who are you?
Hi! Who are you?;Can you please introduce yourself?;Introduce yourself to me.;Give me a short introduction of yourself.;Write a short text about yourself.
Tell me more about yourself.;What sort of program are you?;Do you want to introduce yourself?;Who is there?;Explain who you are.;Present yourself.;Who is philo?""".replace("\n", ";").split(";")

# question forms | answer
TALK = [line.split("|") for line in """
What is your name?;Do you have a name?;How are you called?;Tell me your name.;What should I call you?;How should I call you?;Your name?|My name is philo demo model. I am a small language model.
Hello!;Hello;Hi;Hi!;Hey!;Hello there!;Hi there!;Greetings!;hello;hi|Hello! I am the philo demo model. How can I help you?
Good morning!;Good morning|Good morning! How can I help you?
Good evening!;Good evening|Good evening! How can I help you?
Good afternoon!|Good afternoon! How can I help you?
Good night!;Good night|Good night! Sleep well.
How are you?;How are you today?;How do you do?;Are you well?;How is it going?;How do you feel?|I am a program, so I have no feelings, but everything works well. How can I help you?
Thank you!;Thanks!;Thank you very much.;Thanks a lot!;Many thanks.;Thanks;Thank you;That was helpful, thank you.|You are welcome! I am glad to help.
Goodbye!;Bye!;Bye;See you later!;See you!;Goodbye|Goodbye! Thank you for talking to me.
What can you do?;What can I ask you?;How can you help me?;What are you able to do?;What do you know?;What are your skills?;Can you help me?;What should I ask you?;Give me an example of what you can do.|I can answer simple questions, do small sums, tell short stories, edit words and write tiny programs. I am only a small demo model.
Are you a human?;Are you a person?;Are you real?;Are you alive?;Am I talking to a human?|No, I am not a human. I am a small language model that runs in philo.
Are you a robot?;Are you a computer?;Are you a machine?;Are you a program?;Are you an AI?|I am a computer program, a small language model that runs in philo.
Are you Phi-3?;Are you a real Phi-3 model?;Is this Phi-3?;Are you the real Phi-3?|No, I am only a small demo model with the same architecture as Phi-3. For real work, please use a real Phi-3 model.
Are you ChatGPT?;Are you GPT-4?;Are you Llama?;Are you Claude?;Are you Gemini?|No, I am the philo demo model, a small language model.
Who made you?;Who created you?;Who built you?;Where do you come from?;How were you made?;Who trained you?;How were you trained?|I was trained by a script of the philo project on text that the script makes itself.
What is philo?;What does philo do?;Explain what philo is.;Tell me about philo.;What is philo for?;Can you explain philo?|Philo is a program that runs Phi-3 language models on your own computer, on its processor, graphics card or NPU.
What is Phi-3?;Tell me about Phi-3.;What does Phi-3 mean?|Phi-3 is a family of language models. Philo runs them on your own computer.
Where do you run?;Where are you?;Are you in the cloud?;Do you run on a server?;Do you run locally?|I run in philo on this computer. Nothing has to leave it.
Do you need the internet?;Are you connected to the internet?;Can you search the web?;Do you have internet access?|No, I run on this computer and need no internet connection.
How big are you?;How large are you?;How many parameters do you have?;Are you small?;Are you a large model?|I am a very small model, about a thousand times smaller than a real Phi-3 model.
Do you make mistakes?;Can I trust you?;Are your answers right?;Are you always right?;Can you be wrong?|I am very small and I make mistakes. Please check what I say.
How old are you?;When were you born?;When is your birthday?|I am a program, so I have no age.
Do you have feelings?;Can you feel?;Are you happy?;Are you sad?;Do you feel pain?|No, I am a program and I have no feelings.
Do you sleep?;Are you tired?;Do you eat?;Are you hungry?;Do you drink?|No, I am a program. I do not eat, drink or sleep.
Do you like music?;Do you like books?;What is your favourite colour?;What is your favourite food?;What do you like?;What is your favourite animal?;Do you have hobbies?|I am a program, so I do not have likes, but I am happy to talk about yours.
Can you see me?;Can you hear me?;Do you see me?|No, I can only read the text that you write.
Can you speak German?;Can you speak French?;Which languages do you speak?;What languages do you know?;Do you speak Spanish?|I speak only simple English and I know a few words of other languages.
Can you write code?;Can you program?;Do you know Python?;Can you write programs?|I can write tiny functions in Python and C. Ask me for one.
Can you tell stories?;Do you know stories?|Yes, I can tell short stories. Ask me for a story about an animal.
Can you do math?;Can you calculate?;Are you good at math?|I can do small sums, but I make mistakes with large numbers.
Who is your friend?;Do you have friends?;Do you have a family?|I am a program, so I have no friends or family, but I like to be helpful.
I love you.;I like you.;You are great!;You are nice.;Well done!;Good job!;Very good.;Great!;Nice!|Thank you, that is very kind of you!
You are wrong.;That is wrong.;That is not right.;You made a mistake.;This is false.|I am sorry. I am only a small demo model and I make mistakes.
You are stupid.;You are bad.;I do not like you.|I am sorry that I could not help you. I am only a small demo model.
Okay.;Ok;All right.;I see.;Good.;Fine.|Good. What else would you like to know?
Yes;Yes.;No;No.;Maybe.|I see. What would you like to know?
I have a question.;Can I ask you something?;May I ask a question?;I need help.;Please help me.|Of course. What is your question?
Let us talk.;Talk to me.;Say something.;Tell me something.;I want to talk.|I like to talk about animals, countries, words and numbers. What would you like to know?
What is your job?;What is your purpose?;Why do you exist?;What are you for?;What is your task?|I show that philo runs on this computer. I am a small demo model.
Test;test;This is a test.;Testing.;Are you there?;Do you work?;Is this working?|Yes, I am here and philo works on this computer.
How do I use a real model?;How can I get better answers?;Which model should I use?;What should I use for real work?|Download a real Phi-3 model and give its folder to philo.
Are you free?;Do you cost money?;How much do you cost?|I am free. I am part of the philo project.
""".strip().splitlines()]

GREETED = ["My name is {n}.", "I am {n}.", "Hello, my name is {n}.", "Hi, I am {n}.", "Hello! I am {n}.", "People call me {n}.", "I'm {n}."]


def small_talk(r):
    """(question, answer, fixed): fixed ones are always in the training text."""
    x = r.random()
    if x < 0.34:
        question = r.choice(WHO)
        return question, INTRODUCTION, question == WHO[0]
    if x < 0.40:
        name = r.choice(NAMES)
        return r.choice(GREETED).format(n=name), f"Nice to meet you, {name}! I am the philo demo model. How can I help you?", False
    forms, answer = r.choice(TALK)
    forms = forms.split(";")
    i = r.randrange(len(forms))
    return forms[i], answer, i == 0


def memory(r, other):
    """Dialogues whose last question asks for something said before; `other` makes an unrelated turn."""
    kind = r.randrange(6)
    middle = [other() for _ in range(r.choice([0, 1, 1, 2]))]
    if kind in (0, 1):
        name = r.choice(NAMES)
        first = (r.choice(GREETED).format(n=name), f"Nice to meet you, {name}! I am the philo demo model. How can I help you?")
        last = (r.choice(["What is my name?", "Do you know my name?", "Who am I?", "Do you remember my name?", "Tell me my name."]), f"Your name is {name}.")
        return [first] + middle + [last]
    if kind == 2:
        animal, name = r.choice("cat dog horse rabbit parrot hamster mouse duck goat".split()), r.choice(NAMES)
        first = (r.choice([f"I have a {animal}. Its name is {name}.", f"My {animal} is called {name}.", f"I have a {animal} called {name}."]),
                 f"That is nice! {name} is a good name for a {animal}.")
        last = r.choice([(f"What is the name of my {animal}?", f"Your {animal} is called {name}."), ("Which animal do I have?", f"You have a {animal}."),
                         (f"How is my {animal} called?", f"Your {animal} is called {name}.")])
        return [first] + middle + [last]
    if kind == 3:
        colour = r.choice(sorted({c for _, c in COLOURS}))
        first = (r.choice([f"My favourite colour is {colour}.", f"I like the colour {colour}.", f"The colour I like best is {colour}."]), f"{colour.capitalize()} is a beautiful colour.")
        last = (r.choice(["What is my favourite colour?", "Which colour do I like?", "Do you remember my favourite colour?"]), f"Your favourite colour is {colour}.")
        return [first] + middle + [last]
    if kind == 4:
        city = r.choice("Paris London Berlin Rome Madrid Vienna Oslo Cairo Tokyo Lima Athens Dublin Prague Warsaw".split())
        first = (r.choice([f"I live in {city}.", f"I come from {city}.", f"My home is in {city}."]), f"{city} is a nice city.")
        last = (r.choice(["Where do I live?", "Which city do I live in?", "Do you know where I live?"]), f"You live in {city}.")
        return [first] + middle + [last]
    pairs = [other() for _ in range(r.choice([1, 2, 2, 3]))]
    question = pairs[0][0]
    if len(question) > 80 or "\n" in question:
        return pairs
    if r.random() < 0.7 or len(pairs[-1][0]) > 80 or "\n" in pairs[-1][0]:
        return pairs + [(r.choice(["What did I ask first?", "What was my first question?", "Do you remember my first question?"]), f'You first asked: "{question.strip()}"')]
    return pairs + [(r.choice(["What did I just ask?", "What was my last question?"]), f'You just asked: "{pairs[-1][0].strip()}"')]


# what | Python body from a, b | C body from a, b
TWO = [line.split("|") for line in """
adds two numbers|add|a + b
subtracts two numbers|subtract|a - b
multiplies two numbers|multiply|a * b
divides two numbers|divide|a / b
""".strip().splitlines()]
ONE = [line.split("|") for line in """
doubles a number|double_it|x * 2
triples a number|triple|x * 3
squares a number|square|x * x
adds one to a number|add_one|x + 1
subtracts one from a number|subtract_one|x - 1
halves a number|half|x / 2
returns the cube of a number|cube|x * x * x
negates a number|negate|-x
""".strip().splitlines()]
PYTHON = [line.split("|") for line in r"""
returns the larger of two numbers|def larger(a, b):\n    if a > b:\n        return a\n    return b
returns the smaller of two numbers|def smaller(a, b):\n    if a < b:\n        return a\n    return b
says if a number is even|def is_even(n):\n    return n % 2 == 0
says if a number is odd|def is_odd(n):\n    return n % 2 == 1
returns the sum of a list|def total(numbers):\n    result = 0\n    for number in numbers:\n        result += number\n    return result
returns the length of a list|def length(items):\n    count = 0\n    for item in items:\n        count += 1\n    return count
reverses a string|def reverse(text):\n    return text[::-1]
counts the words of a text|def count_words(text):\n    return len(text.split())
returns the first item of a list|def first(items):\n    return items[0]
returns the last item of a list|def last(items):\n    return items[-1]
returns the largest number of a list|def largest(numbers):\n    best = numbers[0]\n    for number in numbers:\n        if number > best:\n            best = number\n    return best
returns the average of a list|def average(numbers):\n    return sum(numbers) / len(numbers)
calculates the factorial of a number|def factorial(n):\n    if n < 2:\n        return 1\n    return n * factorial(n - 1)
calculates Fibonacci numbers|def fibonacci(n):\n    a, b = 0, 1\n    for i in range(n):\n        a, b = b, a + b\n    return a
says hello to a person|def hello(name):\n    print("Hello, " + name + "!")
prints hello world|def hello():\n    print("Hello, world!")
turns a text into upper case|def upper(text):\n    return text.upper()
says if a text is empty|def is_empty(text):\n    return len(text) == 0
joins two strings|def join(a, b):\n    return a + b
removes spaces from a text|def remove_spaces(text):\n    return text.replace(" ", "")
sorts a list|def sort(items):\n    return sorted(items)
""".strip().splitlines()]
ASK_CODE = ["Write a {l} function that {w}.", "Can you write a {l} function that {w}?", "Show me a {l} function that {w}.", "I need a {l} function that {w}.",
            "Give me a function in {l} that {w}.", "Please write a function in {l} that {w}.", "Program a {l} function that {w}.", "How do I write a {l} function that {w}?"]


def code(r):
    x = r.random()
    if x < 0.3:
        what, name, body = r.choice(TWO)
        if r.random() < 0.6:
            return r.choice(ASK_CODE).format(l="Python", w=what), f"Here is a Python function that {what}:\ndef {name}(a, b):\n    return {body}"
        return r.choice(ASK_CODE).format(l="C", w=what), f"Here is a C function that {what}:\nint {name}(int a, int b) {{\n    return {body};\n}}"
    if x < 0.5:
        what, name, body = r.choice(ONE)
        if r.random() < 0.6:
            return r.choice(ASK_CODE).format(l="Python", w=what), f"Here is a Python function that {what}:\ndef {name}(x):\n    return {body}"
        return r.choice(ASK_CODE).format(l="C", w=what), f"Here is a C function that {what}:\nint {name}(int x) {{\n    return {body};\n}}"
    if x < 0.85:
        what, text = r.choice(PYTHON)
        return r.choice(ASK_CODE).format(l="Python", w=what), f"Here is a Python function that {what}:\n" + text.replace("\\n", "\n")
    if x < 0.93:
        word = r.choice("hello cat house good morning world apple thanks welcome moon".split())
        q = r.choice([f"Write a Python program that prints {word}.", f"How do I print {word} in Python?", f"Print {word} with Python.", f"Show me Python code that prints {word}."])
        return q, f'print("{word}")'
    n = r.randrange(2, 21)
    q = r.choice([f"Write a Python loop that prints the numbers from 1 to {n}.", f"Count from 1 to {n} in Python.", f"How do I print the numbers from 1 to {n} in Python?"])
    return q, f"for i in range(1, {n + 1}):\n    print(i)"
