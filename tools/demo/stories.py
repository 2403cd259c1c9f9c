"""A grammar of short stories and poems: hero, place, wish, trouble, help, ending."""
from tables import MEN, WOMEN

HEROES = """cat dog mouse rabbit fox bear hedgehog squirrel duck owl frog goat pig horse sheep penguin elephant monkey turtle lion
robot boy girl king queen farmer baker sailor dragon wizard giant fisherman teacher knight bird cow tiger wolf snail kitten puppy""".split()
HE = set("boy king farmer baker sailor wizard giant fisherman knight".split())
SHE = set("girl queen teacher".split())
TRAITS = "little brave clever kind shy lonely curious small young old hungry lazy happy friendly quiet".split()
PLACES = ["in a small village", "near a big forest", "by the sea", "on a farm", "in a little house on a hill", "in an old castle", "by a river", "in a quiet town",
          "under a big tree", "at the edge of a lake", "in the mountains", "in a green valley"]
# what is lost | where it was
LOST = [("a ball", "under a bush"), ("a key", "in the grass"), ("a hat", "on a branch"), ("a kite", "in a tall tree"), ("a ring", "at the bottom of a well"), ("a book", "under the bed"),
        ("a coin", "between two stones"), ("a bell", "behind the barn"), ("a shoe", "in the mud"), ("a map", "in an old box"), ("a lamp", "in a dark cave"), ("a boat", "behind an island")]
WISHES = [("to see the sea", "walked along the river for three days", "the water was blue and went on for ever"),
          ("to learn to swim", "went to the lake every morning", "the cold water did not seem so bad any more"),
          ("to climb the high mountain", "packed some bread and started early", "the whole world lay below"),
          ("to bake the best bread", "tried again and again", "the bread was warm and soft"),
          ("to find a friend", "walked from door to door", "somebody opened the door and smiled"),
          ("to sing a song", "practised every evening", "everyone came to listen"),
          ("to grow a big flower", "put a seed into the soil and watered it every day", "a yellow flower opened in the sun"),
          ("to build a house", "carried wood and stones all summer", "the little house stood strong in the wind"),
          ("to fly", "climbed a hill with wings made of paper", "the wind was strong and it felt like flying"),
          ("to see the stars", "stayed awake until midnight", "a thousand stars shone in the sky")]
FOODS = ["one apple", "a piece of bread", "three nuts", "a small cake", "a bowl of soup", "a bit of cheese", "two carrots", "some berries"]
NOISES = [("a loud knock", "a branch that knocked on the door"), ("a soft cry", "a kitten that had lost its mother"), ("a long whistle", "the wind in an empty bottle"),
          ("a deep hum", "a bee that slept in a flower pot"), ("a strange rustle", "a hedgehog that walked through the leaves"), ("a quick tapping", "the rain on the window")]
HELPERS = ["an old owl", "a friendly mouse", "a kind farmer", "a wise turtle", "a small bird", "a quick squirrel", "a tall horse", "a clever fox", "a gentle bear", "an old woman",
           "a busy bee", "a patient fisherman"]
TROUBLES = ["a storm came and it rained all night", "it became dark and cold", "the bridge was broken", "a big stone lay on the path", "the way was too long", "nobody knew the way",
            "it began to snow", "the wind blew everything away"]
ENDS = ["From that day on they were good friends.", "They lived happily ever after.", "It was the best day of the year.", "And in the evening everyone slept well.",
        "That is how the story ends.", "After that, nobody in the place was ever lonely again."]
LESSONS = ["It is good to have friends.", "If you do not give up, you will find a way.", "Helping others makes everyone happy.", "Small people can do great things.",
           "It is never too late to learn.", "Sharing is better than keeping everything."]
ASK = ["Tell me a story about {x}.", "Write a short story about {x}.", "Can you tell me a story about {x}?", "Tell me a short story about {x}.", "I want to hear a story about {x}.",
       "Please tell me a bedtime story about {x}.", "Write a story about {x}.", "Do you know a story about {x}?", "Make up a story about {x}.", "Give me a little story about {x}."]


def a(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def the(noun):
    return "the " + noun.split(" ", 1)[1]


def make(r):
    """(request, story, facts): facts answer questions about the story."""
    hero, trait, place, helper, trouble, end = (r.choice(x) for x in (HEROES, TRAITS, PLACES, HELPERS, TROUBLES, ENDS))
    male = hero in HE or hero not in SHE and r.random() < 0.5
    he, his, him = ("he", "his", "him") if male else ("she", "her", "her")
    name = r.choice(MEN if male else WOMEN)
    He = he.capitalize()
    start = r.choice([f"Once upon a time there was {a(trait)} {hero} called {name} who lived {place}.", f"There once was {a(trait)} {hero} who lived {place}. The {hero} was called {name}.",
                      f"{name} was {a(trait)} {hero} who lived {place}."])
    plain = r.random() < 0.3
    facts = {"name": name, "hero": hero, "place": place, "trait": trait, "helper": helper}
    kind = r.random()
    if kind < 0.35:
        thing, spot = r.choice(LOST)
        x = r.choice([f"{a(hero)} who loses {thing}", f"{a(trait)} {hero} and {a_lost(thing)}", f"{a(hero)} and {thing}", f"{a(hero)} who looks for {thing}"])
        body = (f"One day {name} lost {thing}. \"Where is my {thing.split(' ', 1)[1]}?\" asked {name}. {He} looked everywhere, but {trouble}. {name} was sad. Then {helper} came along. "
                f"\"I will help you,\" said {the(helper)}. Together they searched until they found {the(thing)} {spot}. {name} was very happy and thanked {the(helper)}. ")
        facts["thing"], facts["spot"] = thing, spot
    elif kind < 0.5:
        friend = r.choice([h for h in HEROES if h != hero])
        food = r.choice(FOODS)
        x = r.choice([f"{a(hero)} and {a(friend)}", f"{a(trait)} {hero} and {a(friend)}", f"{a(hero)} who meets {a(friend)}"])
        body = (f"One day {name} met {a(friend)}. The {friend} was hungry and had nothing to eat. {name} had only {food}. \"Let us share it,\" said {name}. They sat down together and ate. "
                f"On the next day {trouble}, and {name} was afraid. But the {friend} came and stayed until the morning. \"You helped me, and now I help you,\" said the {friend}. ")
        facts["helper"] = f"the {friend}"
        facts["food"] = food
    elif kind < 0.65:
        noise, cause = r.choice(NOISES)
        x = r.choice([f"{a(hero)} who hears a noise", f"{a(trait)} {hero} who is afraid of the dark", f"{a(hero)} and a strange noise"])
        body = (f"One night {name} heard a strange noise. It was {noise}. {name} was afraid and called {helper}. \"Let us look together,\" said {the(helper)}. They took a lamp and went outside. "
                f"There they saw what it was: {cause}. They both laughed, and {name} was not afraid any more. ")
        facts["cause"] = cause
    else:
        wish, act, result = r.choice(WISHES)
        x = r.choice([f"{a(hero)} who wants {wish}", f"{a(trait)} {hero} who wants {wish}", f"{a(hero)} who wanted {wish}"])
        body = (f"{name} wanted {wish}. So {he} {act}. But {trouble}. {name} almost gave up. Then {helper} said to {him}: \"Do not be afraid, I am with you.\" "
                f"{name} tried once more, and at last {result}. {He} was proud and told all {his} friends about it. ")
        facts["wish"] = wish
    if plain:
        x = r.choice([a(hero), f"{a(trait)} {hero}", f"{a(hero)} called {name}" if r.random() < 0.5 else a(hero)])
    ending = end + (" " + r.choice(LESSONS) if r.random() < 0.3 else "")
    return r.choice(ASK).format(x=x), f"{start} {body}{ending}", facts


def a_lost(thing):
    return "a lost " + thing.split(" ", 1)[1]


def story(r):
    if r.random() < 0.1:
        _, text, facts = make(r)
        q = r.choice(["Tell me a story.", "Can you tell me a story?", "I want to hear a story.", "Tell me a short story.", "Write a short story.", "Please tell me a bedtime story."])
        return q, text, text
    q, text, facts = make(r)
    return q, text, q


def story_with_question(r, wanted):
    """A story and one or two questions about it."""
    for _ in range(100000):
        q, text, f = make(r)
        if not wanted(q):
            continue
        n, h = f["name"], f["hero"]
        questions = [(r.choice([f"What was the name of the {h}?", f"How was the {h} called?", "Who was the hero of the story?"]), f"The {h} was called {n}."),
                     (r.choice([f"Where did {n} live?", f"Where did the {h} live?"]), f"{n} lived {f['place']}."),
                     (r.choice([f"Who helped {n}?", f"Who helped the {h}?"]), f"{f['helper'][0].upper() + f['helper'][1:]} helped {n}.")]
        if "thing" in f:
            questions += [(r.choice([f"What did {n} lose?", f"What did the {h} lose?", f"What was lost?"]), f"{n} lost {f['thing']}."),
                          (f"Where was {the(f['thing'])}?", f"They found {the(f['thing'])} {f['spot']}.")]
        elif "food" in f:
            questions.append((r.choice([f"What did they share?", f"What did {n} have?"]), f"{n} had only {f['food']} and shared it."))
        elif "cause" in f:
            questions.append((r.choice([f"What was the noise?", f"What did they see?"]), f"It was {f['cause']}."))
        else:
            questions.append((r.choice([f"What did {n} want?", f"What did the {h} want?"]), f"{n} wanted {f['wish']}."))
        return [(q, text)] + r.sample(questions, r.choice([1, 1, 2]))
    raise RuntimeError("no such story")


POEMS = {
    "the sun": ("The sun is up, the sky is bright,", "it fills the fields with golden light.", "It warms the hill, it warms the sea,", "it shines for you, it shines for me."),
    "the moon": ("The moon is round, the night is deep,", "the children all have gone to sleep.", "It shines above the quiet land", "like silver in an open hand."),
    "the rain": ("The rain falls softly on the ground,", "it makes a small and gentle sound.", "The flowers drink, the rivers grow,", "and to the sea the waters flow."),
    "winter": ("The snow is white, the nights are long,", "the wind sings us a winter song.", "But in the house the fire glows,", "no matter how the cold wind blows."),
    "spring": ("The snow is gone, the birds are here,", "it is the young time of the year.", "The trees are green, the days are long,", "and every bird has found a song."),
    "summer": ("The days are warm, the grass is high,", "white clouds are sailing through the sky.", "We swim and run and laugh and play", "until the end of every day."),
    "autumn": ("The leaves are red, the leaves are gold,", "the mornings now are clear and cold.", "The apples fall down from the tree,", "some for you and some for me."),
    "a cat": ("My cat is soft, my cat is small,", "she sleeps on chairs and on the wall.", "At night she walks without a sound,", "by day she rolls upon the ground."),
    "a dog": ("My dog is always glad to see", "that I am home and he has me.", "We run together in the sun", "and both are tired when day is done."),
    "the sea": ("The sea is wide, the sea is blue,", "it sings a song for me and you.", "The waves come in, the waves go out,", "and white birds fly and call about."),
    "a tree": ("A tree stands tall beside the way,", "it gives us shade on a hot day.", "The birds are building nests up there", "and sing their songs into the air."),
    "a friend": ("A friend is someone who is there", "when there is sorrow you must share.", "A friend will laugh and cry with you,", "a friend is kind, a friend is true."),
    "night": ("The day is done, the lights are low,", "the stars come out and softly glow.", "Now close your eyes and have no fear,", "the morning will again be here."),
    "a bird": ("A little bird sat in a tree", "and sang a happy song for me.", "It spread its wings and flew away", "into the bright and open day."),
    "a computer": ("My computer hums and thinks,", "on its front a small light blinks.", "It counts and writes the whole day through", "and does what I ask it to do."),
    "the wind": ("The wind runs over hill and plain,", "it brings the clouds, it brings the rain.", "It bends the trees, it lifts the sand,", "it travels over all the land."),
}


def poem(r):
    subject = r.choice(sorted(POEMS))
    q = r.choice([f"Write a poem about {subject}.", f"Write a short poem about {subject}.", f"Can you write a poem about {subject}?", f"Tell me a poem about {subject}.",
                  f"I would like a poem about {subject}.", f"Do you know a poem about {subject}?", f"Make a little poem about {subject}."])
    return q, "\n".join(POEMS[subject]), q
