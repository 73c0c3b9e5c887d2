"""A seeded writer of small, coherent documents: the text the bundled models are trained on.

Nothing in it was written by anyone else, so it can be shipped, and it is finite enough for a
model of two million parameters to speak it well. What makes it more than a bag of words is that
every document is told from a state: who is where, who holds what, how many are left. Sentences
only report that state, so a name in the last line is there because of the first.

    python corpus.py --seed 7 --bytes 2000          # print some

A *register* is a function from a Teller to the lines of one document. REGISTERS, at the end,
says how often each is used. The words are in lexicon.py.
"""

import argparse
import random
import re

import lexicon as lex

# ---------------------------------------------------------------------------------------------
# Words


def plural(noun):
    head, _, last = noun.rpartition(" ")
    if last in lex.IRREGULAR:
        last = lex.IRREGULAR[last]
    elif re.search(r"(s|x|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def singular(nouns):
    back = {many: one for one, many in lex.IRREGULAR.items()}
    return back.get(nouns) or (nouns[:-3] + "y" if nouns.endswith("ies") else nouns[:-1])


def a(phrase):
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def third(verb):
    """he admire-s, teach-es, carr-ies"""
    return plural(verb)  # English spells the two alike


def past(verb, participle=False):
    if verb in lex.STRONG_VERBS:
        return lex.STRONG_VERBS[verb][participle]
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    return verb + "ed"


def words(n):
    """17 -> seventeen"""
    if n < 20:
        return lex.UNITS[n]
    if n < 100:
        return lex.TENS[n // 10] + (f"-{lex.UNITS[n % 10]}" if n % 10 else "")
    return f"{lex.UNITS[n // 100]} hundred" + (f" and {words(n % 100)}" if n % 100 else "")


def count(n, nouns):
    """3, pears -> three pears; 1, pears -> one pear"""
    return f"{words(n)} {nouns if n != 1 else singular(nouns)}"


def listing(items, joiner="and"):
    *most, last = items
    return f"{', '.join(most)} {joiner} {last}" if most else last


def cap(sentence):
    """Capitalise a sentence, also one that opens with a quotation mark."""
    return re.sub(r'^("?)([a-z])', lambda m: m[1] + m[2].upper(), sentence)


# ---------------------------------------------------------------------------------------------
# The world


class Person:
    """Someone a template can mention: {p}, {p.he}, {p.him}, {p.his}, {p.trade}."""

    def __init__(self, name, woman, trade):
        self.name, self.woman, self.trade = name, woman, trade
        self.he, self.him, self.his = ("she", "her", "her") if woman else ("he", "him", "his")
        self.makes, self.wares, self.tool, self.shop = lex.TRADES[trade]

    def __str__(self):
        return self.name


class Thing:
    """Something that can be held. It is introduced with {x.a} and known from then on as {x.the}."""

    def __init__(self, noun, adjective):
        self.noun, self.adjective = noun, adjective
        self.a, self.the, self.short = a(f"{adjective} {noun}"), f"the {adjective} {noun}", f"the {noun}"

    def __str__(self):
        return self.the


def settle():
    """Deal the towns their facts: once, and the same for every corpus."""
    deal, towns = random.Random("the map"), {}
    for name in lex.TOWNS:
        towns[name] = {
            "name": name, "region": deal.choice(lex.REGIONS), "river": deal.choice(lex.RIVERS),
            "goods": deal.sample(lex.GOODS, 2), "people": deal.randrange(2, 10) * 100,
            "day": deal.choice(lex.DAYS), "place": deal.choice(list(lex.PLACES)),
        }
    return towns


MAP = settle()
OPPOSITE = [pair.split() for pair in lex.OPPOSITES.replace("\n", " ").split(", ")]


class Teller:
    """The random draws of one document. What it has drawn it does not draw again."""

    def __init__(self, rng):
        self.rng, self.used = rng, set()

    def pick(self, options):
        return self.rng.choice(list(options))

    def fresh(self, options):
        choice = self.pick([o for o in options if o not in self.used])
        self.used.add(choice)
        return choice

    def chance(self, p):
        return self.rng.random() < p

    def number(self, low, high):
        return self.rng.randint(low, high)

    def some(self, options, n):
        return self.rng.sample(list(options), n)

    def person(self, woman=None):
        woman = self.chance(0.5) if woman is None else woman
        return Person(self.fresh(lex.WOMEN if woman else lex.MEN), woman, self.fresh(lex.TRADES))

    def thing(self):
        kind = self.pick([lex.COLOURS, lex.COLOURS, lex.STUFFS, lex.QUALITIES])
        return Thing(self.fresh(lex.THINGS), self.fresh(kind))

    def place(self):
        return self.fresh(lex.PLACES)

    def say(self, templates, **cast):
        """Fill one of the templates (a list, or the name of one in PHRASES) and make it a sentence."""
        options = PHRASES[templates] if isinstance(templates, str) else templates
        return cap(self.pick(options).format(**cast))


def at(place):
    return f"{lex.PLACES[place]} the {place}"


# ---------------------------------------------------------------------------------------------
# Phrases: what can be said of an event. p, q are people, x is a thing.

PHRASES = {
    "open": [
        "Once there lived {trade} named {p} in the town of {town}.",
        "In {town} there was {trade} called {p}.",
        "This is the tale of {p}, {trade} from {town}.",
        "Long ago {p} was {trade} in {town}.",
    ],
    "join": [
        "{p.his} best friend was {q}, the {q.trade}.",
        "{q}, {trade}, lived next door.",
        "Every day {p} met {q}, the {q.trade}.",
        "{p} had a neighbour named {q}, who was {trade}.",
    ],
    "own": ["{p} owned {x.a}.", "{p} had {x.a}, and {p.he} kept it {spot}.", "Among the things of {p} was {x.a}."],
    "go": [
        "{p} went to the {place}.", "{when}, {p} walked to the {place}.",
        "{p} had to go to the {place}.", "Then {p} hurried to the {place}.",
    ],
    "hand": [
        "{p} {verb} {x.the} to {q}.", "{when}, {p} {verb} {q} {x.the}.",
        "{p} {verb} {x.the} to {q}, because {q} had asked for it.",
        "{q} wanted {x.short}, so {p} {verb} it to {q.him}.",
    ],
    "thank": [
        '"Thank you, {p}," said {q}.', '"What a fine {x.noun}!" said {q}. "Thank you, {p}."',
        '{q} was {mood}. "I will take care of {x.short}," {q.he} said.', '"{p}, you are kind," {q} said.',
    ],
    "hide": [
        "{p} hid {x.the} {spot}.", "{when}, {p} put {x.the} {spot}.",
        "So that nobody would find {x.short}, {p} left it {spot}.",
    ],
    "fetch": ["{p} found {x.the} {spot} and took it.", "Later {p} took {x.the} from its place {spot}."],
    "feel": ["{p} was {mood} because {why}.", "{p} felt {mood}, for {why}.", "Why was {p} {mood}? Because {why}."],
    "where-ask": ['"Where is {x.the}?" asked {q}.', '{q} asked, "Who has seen {x.the}?"', '{q} looked for {x.the}.'],
    "where-held": ['"I have it," said {p}.', '{p} answered, "I have {x.short} with me."', '"It is with me," {p} replied.'],
    "where-hid": ['"It is {spot}," said {p}.', '{p} answered, "You will find {x.short} {spot}."'],
    "end-held": ["In the end {x.the} was with {p}.", "And so {p} had {x.the}.", "From that day on {x.the} belonged to {p}."],
    "end-hid": ["In the end {x.the} was still {spot}.", "And {x.the} stayed {spot}.", "Nobody ever moved {x.the}; it lies {spot}."],
}
WHEN = ["The next day", "That evening", "In the morning", "After lunch", "Before sunset", "At noon",
        "One day", "A week later", "Late at night", "When the bell rang", "As soon as it was light"]

# ---------------------------------------------------------------------------------------------
# Registers: each returns the lines of one document


def tale(t):
    """Two or three people, two things, and a chain of events; then questions about how it ended."""
    p, q, third_one = people = [t.person(), t.person(), t.person()]
    things = [t.thing(), t.thing()]
    holder, spot = {}, {}
    town = t.pick(lex.TOWNS)
    story = [t.say("open", p=p, trade=a(p.trade), town=town), t.say("join", p=p, q=q, trade=a(q.trade))]
    if t.chance(0.6):
        story.append(t.say("join", p=q, q=third_one, trade=a(third_one.trade)))
    else:
        people.pop()
    for x in things:
        holder[x] = t.pick(people[:2])
        hiding = t.fresh(lex.HIDING)
        line = t.say("own", p=holder[x], x=x, spot=hiding)
        story.append(line)

    last = None
    for _ in range(t.number(3, 6)):
        x = t.pick(things)
        when = t.pick(WHEN)
        if holder[x] is None:  # it is hidden: someone finds it
            p = t.pick(people)
            story.append(t.say("fetch", p=p, x=x, spot=spot[x]))
            holder[x] = p
        elif t.chance(0.2):
            p = t.pick(people)
            story.append(feeling(t, p))
        elif t.chance(0.25):
            p = t.pick(people)
            story.append(t.say("go", p=p, place=t.place(), when=when))
        elif t.chance(0.3):
            p, spot[x] = holder[x], t.fresh(lex.HIDING)
            name = p.he if p is last else p
            story.append(t.say("hide", p=name, x=x, spot=spot[x], when=when))
            holder[x] = None
        else:
            p = holder[x]
            q = t.pick([one for one in people if one is not p])
            story.append(t.say("hand", p=p, q=q, x=x, verb=past(t.pick(lex.HANDOVERS)), when=when))
            if t.chance(0.5):
                story.append(t.say("thank", p=p, q=q, x=x, mood=t.pick(["glad", "grateful", "happy", "surprised"])))
            holder[x] = q
        last = p

    for x in things:
        if t.chance(0.5):
            asker = t.pick([one for one in people if one is not holder[x]])
            story.append(t.say("where-ask", q=asker, x=x))
            teller = holder[x] or t.pick([one for one in people if one is not asker])
            story.append(t.say("where-held" if holder[x] else "where-hid", p=teller, x=x, spot=spot.get(x)))
        story.append(t.say("end-held" if holder[x] else "end-hid", p=holder[x], x=x, spot=spot.get(x)))
    return [" ".join(story)] + questions(t, people, things, holder, spot, town)


def feeling(t, p):
    mood = t.pick(lex.MOODS)
    return t.say("feel", p=p, mood=mood, why=lex.MOODS[mood].format(he=p.he, him=p.him, his=p.his))


def questions(t, people, things, holder, spot, town):
    """Ask about the state a tale has reached."""
    asked = []
    for p in people:
        asked.append((f"What was the trade of {p}?", f"{p} was {a(p.trade)}."))
    for x in things:
        if holder[x]:
            asked.append((f"Who had {x.short} in the end?", f"{holder[x]} had {x.the}."))
        else:
            asked.append((f"Where was {x.short} in the end?", f"{x.the} was {spot[x]}."))
        if x.adjective in lex.COLOURS:
            asked.append((f"What colour was {x.short}?", f"It was {x.adjective}."))
        else:
            asked.append((f"What sort of {x.noun} was it?", f"It was {x.a}."))
    asked.append((f"Where did {people[0]} live?", f"{people[0]} lived in {town}."))
    return [f"Question: {q} Answer: {cap(answer)}" for q, answer in t.some(asked, t.number(1, 3))]


def letter(t):
    sender, reader, third_one = t.person(), t.person(), t.person()
    x, town, place = t.thing(), t.pick(lex.TOWNS), t.place()
    month, day = t.pick(lex.MONTHS), t.number(1, 28)
    mood = t.pick(lex.MOODS)
    why = lex.MOODS[mood].format(he="I", him="me", his="my").replace(" was ", " is ").replace(" were ", " are ")
    weather = t.pick(lex.WEATHER[lex.SEASON[month]])
    lines = [f"{town}, {day} {month}", f"Dear {reader},"]
    body = [
        t.pick([f"I am writing to you from {town}.", f"Greetings from {town}!", f"It is {lex.SEASON[month]} here in {town}."]),
        f"There is much {weather} in {month}.",
        f"I am {mood}, because {why}.",
        t.pick([
            f"Yesterday I met {third_one}, the {third_one.trade}, {at(place)}. {cap(third_one.he)} has {x.a} and wants to give it to you.",
            f"Do you remember {third_one}? {cap(third_one.he)} is {a(third_one.trade)} now, and works at the {third_one.shop}. I bought {x.a} from {third_one.him}.",
            f"I have lost {x.a}. {third_one}, the {third_one.trade}, says that {third_one.he} saw it {at(place)}.",
        ]),
        t.pick([
            f"When you come to {town}, you must see {x.short}.",
            f"I will show you {x.the} when you visit me.",
            f"Please write soon, {reader}, and tell me about the {reader.shop}.",
            f"I hope that the {reader.wares} are selling well, as they should for a good {reader.trade}.",
        ]),
    ]
    lines += [" ".join(body), t.pick(["Your friend,", "With love,", "Yours,", "Until soon,"]), str(sender)]
    if t.chance(0.6):
        lines.append(t.pick([
            f"P.S. {third_one} sends you greetings.",
            f"P.S. Do not forget {x.the}.",
            f"P.S. I leave {town} on {min(day + 3, 30)} {month}.",
        ]))
    return lines


def recipe(t):
    dish = t.pick(lex.DISHES)
    vessel, ingredients = lex.DISHES[dish]
    amounts = {food: t.number(2, 9) for food in t.some(ingredients, len(ingredients))}
    heads = t.number(2, 8)

    def measured(food):
        return f"{words(amounts[food])} {ingredients[food][0]} {food}".replace("  ", " ")

    lines = [t.pick([f"{cap(dish)} for {words(heads)}", f"How to make {dish}", f"Recipe: {dish}"])]
    lines.append("You need " + listing([measured(food) for food in amounts]) + ".")
    openers = ["First", "Then", "After that", "Next", "Now", "Last"]
    for i, food in enumerate(amounts):
        opener = "First" if i == 0 else "At the end" if i == len(amounts) - 1 else t.pick(openers[1:5])
        verb = ingredients[food][1]
        lines.append(t.pick([f"{opener} {verb} the {food}.", f"{opener} {verb} the {measured(food)}."]))
    minutes = t.number(2, 12) * 5
    lines.append(f"Put all of it in the {vessel} and wait for {words(minutes)} minutes.")
    food = t.pick(amounts)
    lines.append(t.pick([
        f"Serve the {dish} to {words(heads)} guests.",
        f"The {dish} is ready when the {food} are soft." if food.endswith("s") else f"The {dish} is ready when the {food} is warm.",
        f"If you cook for twice as many, take {words(2 * amounts[food])} {ingredients[food][0]} {food}.".replace("  ", " "),
    ]))
    return lines


def stock(t):
    """A table, its total, and what can be read from it."""
    place, keeper = t.place(), t.person()
    goods = t.some(lex.GOODS + lex.FRUITS, t.number(3, 5))
    numbers = t.some(range(1, 20), len(goods))
    lines = [f"Stores {at(place)}, kept by {keeper}", "| item | number |"]
    lines += [f"| {item} | {n} |" for item, n in zip(goods, numbers)]
    lines.append(f"| total | {sum(numbers)} |")
    most, least = goods[numbers.index(max(numbers))], goods[numbers.index(min(numbers))]
    lines.append(t.pick([
        f"The largest store is {most}, and the smallest is {least}.",
        f"{keeper} counted {max(numbers)} of {most} and {min(numbers)} of {least}.",
        f"The largest number is {max(numbers)} and the smallest is {min(numbers)}.",
    ]))
    return lines


def log(t):
    """Times that go up by a fixed step, and a switch that is thrown back and forth."""
    watch, (on, off) = t.person(), t.pick([("open", "closed"), ("lit", "dark"), ("up", "down"), ("full", "empty")])
    what = t.pick({"open": ["gate", "door", "bridge"], "lit": ["lamp", "tower", "beacon"],
                   "up": ["flag", "anchor", "sail"], "full": ["tank", "pond", "barrel"]}[on])
    minute, step, state = t.number(5, 9) * 60, t.pick([5, 10, 15, 20, 30, 60]), t.chance(0.5)
    lines, changes = [f"Log of the {what} {at(t.place())}, {t.pick(lex.DAYS)}. On watch: {watch}."], 0
    for _ in range(t.number(4, 8)):
        clock = f"{minute // 60:02d}:{minute % 60:02d}"
        if t.chance(0.4):
            state, changes = not state, changes + 1
            lines.append(f"{clock} {watch} sees to the {what}: now it is {on if state else off}")
        else:
            lines.append(f"{clock} the {what} is {on if state else off}")
        minute += step
    lines.append(f"End of the log: {count(changes, 'changes')}, the {what} is {on if state else off}.")
    return lines


def sums(t):
    """Someone has things, gets some, loses some."""
    p, q, fruit = t.person(), t.person(), t.pick(lex.FRUITS)
    have = t.number(2, 20)
    story = [t.say(["{p} has {n}.", "In the basket of {p} there are {n}.", "{p}, the {p.trade}, bought {n}."], p=p, n=count(have, fruit))]
    for _ in range(t.number(1, 3)):
        if have > 2 and t.chance(0.5):
            n = t.number(1, have - 1)
            have -= n
            story.append(t.say(["{p.he} eats {n}.", "{p.he} gives {n} to {q}.", "{q} takes {n} of them.", "{p.he} loses {n}."], p=p, q=q, n=words(n)))
        else:
            n = t.number(1, 10)
            have += n
            story.append(t.say(["{p.he} buys {n} more.", "{q} gives {p.him} {n} more.", "{p.he} finds {n} more."], p=p, q=q, n=words(n)))
        story.append(t.say(["Now {p} has {n}.", "That makes {n}.", "So there are {n}."], p=p, n=count(have, fruit)))
    return [" ".join(story)] + [f"Question: How many {fruit} are there? Answer: {cap(words(have))}."] * t.chance(0.5)


def days_or_months(t):
    cycle, k = t.pick([lex.DAYS, lex.MONTHS]), t.number(3, 7)
    start = t.number(0, len(cycle) - 1)
    *run, after = [cycle[(start + i) % len(cycle)] for i in range(k + 1)]
    return f"{', '.join(run)}. After {run[-1]} comes {after}. Before {run[1]} comes {run[0]}."


def counting(t):
    start, step, k = t.number(0, 40), t.pick([1, 1, 2, 3, 5, 10]), t.number(5, 8)
    run, way = [start + i * step for i in range(k)], "up"
    if t.chance(0.4):
        run, way = run[::-1], "down"
    return f"Counting {way} by {words(step)}: {', '.join(map(t.pick([str, words]), run))}."


def table_of_sums(t):
    kind, n, start = t.pick(["plus", "minus", "times"]), t.number(2, 9), t.number(0, 5)
    lines = []
    for i in range(start, start + t.number(3, 6)):
        left, right, result = {"plus": (n, i, n + i), "minus": (n + i, n, i), "times": (n, i, n * i)}[kind]
        lines.append(f"{words(left)} {kind} {words(right)} is {words(result)}" if n % 2 else f"{left} {kind} {right} is {result}")
    return cap(", ".join(lines)) + "."


def opposites(t):
    pairs = [t.some(pair, 2) for pair in t.some(OPPOSITE, t.number(2, 5))]
    return " ".join(t.pick([f"The opposite of {one} is {other}.", f"Not {one} but {other}."]) for one, other in pairs)


def shapes(t):
    lines = []
    for shape, sides in t.some(lex.SHAPES.items(), t.number(2, 3)):
        n = t.number(2, 5)
        lines.append(t.pick([f"{cap(a(shape))} has {words(sides)} sides.", f"{cap(count(n, plural(shape)))} have {words(n * sides)} sides in all."]))
    return " ".join(lines)


def lesson(t):
    """What everybody knows: the days, the months, numbers and sums, opposites, shapes."""
    p = t.person()
    lines = [t.pick([f"Lesson in {t.pick(lex.TOWNS)}: {p} answers.", f"{p} goes to the blackboard.", f'"Your turn, {p}," says the teacher.'])]
    drills = t.some([days_or_months, days_or_months, counting, counting, table_of_sums, table_of_sums, opposites, shapes], t.number(1, 3))
    return lines + [drill(t) for drill in drills] + [f'"{t.pick(["Good", "Right", "Well done"])}, {p}."'] * t.chance(0.6)


def alphabet(t):
    names = t.some(lex.WOMEN + lex.MEN, t.number(4, 7))
    in_order = sorted(names)
    return [f"The names were {listing(names)}.", f"From A to Z they are {listing(in_order)}.",
            f"The first name is {in_order[0]} and the last name is {in_order[-1]}."]


def race(t):
    runners = t.some(lex.WOMEN + lex.MEN, t.number(4, 7))
    lines = [f"The race from the {t.place()} to the {t.place()} had {words(len(runners))} runners."]
    lines += [f"{name} came {rank}." for name, rank in zip(runners, lex.ORDINALS)]
    i = t.number(1, len(runners) - 1)
    return [" ".join(lines), f"{runners[i - 1]} was faster than {runners[i]}. The winner was {runners[0]}, and the slowest was {runners[-1]}."]


def gazetteer(t):
    town = MAP[t.pick(lex.TOWNS)]
    facts = [
        "{name} is a town in {region}.", "The river {river} runs through {name}.",
        "{name} is known for its {goods[0]} and its {goods[1]}.", "About {people} people live in {name}.",
        "Market day in {name} is {day}.", "Strangers who come to {name} visit the {place}.",
    ]
    lines = [" ".join(fact.format(**town) for fact in t.some(facts, t.number(3, 5)))]
    asked = [("On which river does {name} lie?", "On the {river}."), ("Where is {name}?", "In {region}."),
             ("What is sold in {name}?", "{goods[0]} and {goods[1]}."), ("When is the market in {name}?", "On {day}.")]
    return lines + [f"Question: {q.format(**town)} Answer: {cap(answer.format(**town))}" for q, answer in t.some(asked, t.number(0, 2))]


def bestiary(t):
    lines = []
    for animal in t.some(lex.ANIMALS, t.number(1, 3)):
        kind, voice, home, food, young = lex.ANIMALS[animal]
        facts = [f"The {animal} is {a(kind)}.", f"{cap(a(animal))} {voice}.", f"It sleeps in the {home}.",
                 f"Its food is {food}.", f"Its young is called {a(young)}."]
        opening, *rest = facts
        lines.append(" ".join([opening] + t.some(rest, t.number(2, 4))))
    animal = t.pick(lex.ANIMALS)
    kind, voice, home, food, young = lex.ANIMALS[animal]
    lines.append(t.pick([f"What animal {voice}? The {animal}.", f"Which animal eats {food}? The {animal}.",
                         f"What is the young of the {animal}? {cap(a(young))}.", f"Is the {animal} {a(kind)}? Yes, it is."]))
    return lines


def trade(t):
    lines = []
    for name in t.some(lex.TRADES, t.number(2, 4)):
        did, wares, tool, shop = lex.TRADES[name]
        p = t.person()
        lines.append(t.pick([
            f"{p} was {a(name)}. {cap(p.he)} {did} {wares} at the {shop}, and {p.his} best tool was the {tool}.",
            f"{cap(a(name))} works at the {shop}. Without {a(tool)} there would be no {wares}.",
            f"Who {did} these {wares}? {p} did, for {p} is {a(name)}.",
        ]))
    return lines


def family(t):
    """Three generations; what follows from who is whose child."""
    elder, parent, child, uncle = t.person(), t.person(), t.person(), t.person()
    role = lambda p, woman, man: woman if p.woman else man
    known = [
        f"{elder} is the {role(elder, 'mother', 'father')} of {parent}.",
        f"{parent} is the {role(parent, 'mother', 'father')} of {child}.",
        f"{uncle} is the {role(uncle, 'sister', 'brother')} of {parent}.",
    ]
    follows = [
        f"So {elder} is the {role(elder, 'grandmother', 'grandfather')} of {child}.",
        f"So {uncle} is the {role(uncle, 'aunt', 'uncle')} of {child}.",
        f"So {child} is the {role(child, 'daughter', 'son')} of {parent}.",
        f"So {uncle} is the {role(uncle, 'daughter', 'son')} of {elder}.",
        f"So {child} is the {role(child, 'niece', 'nephew')} of {uncle}.",
    ]
    return [" ".join(t.some(known, 3)), " ".join(t.some(follows, t.number(2, 4)))]


def ranking(t):
    word = t.pick(lex.COMPARISONS)
    more, most, least = lex.COMPARISONS[word]
    names = t.some(lex.WOMEN + lex.MEN, t.number(3, 4))
    pairs = [f"{high} is {more} than {low}." for high, low in zip(names, names[1:])]
    tail = [f"Who is the {most}? {names[0]}.", f"Who is the {least}? {names[-1]}.", f"So {names[0]} is {more} than {names[-1]}."]
    return [" ".join(pairs), " ".join(t.some(tail, t.number(1, 3)))]


def diary(t):
    day, month, weekday = t.number(1, 24), t.number(0, 11), t.number(0, 6)
    me, friend, x = t.person(), t.person(), t.thing()
    lines = [f"Diary of {me}, {me.trade}"]
    weather = lex.WEATHER[lex.SEASON[lex.MONTHS[month]]]
    entries = [
        f"I worked at the {me.shop} all day.", f"{friend}, the {friend.trade}, came to see me.",
        f"I bought {x.a} for {friend}.", f"I gave {friend} {x.the}. {cap(friend.he)} was very {t.pick(['happy', 'glad', 'proud', 'surprised'])}.",
        f"{friend} still has {x.the}.",
    ]
    for entry in entries[: t.number(3, 5)]:
        date = f"{lex.DAYS[weekday]}, {day} {lex.MONTHS[month]}"
        lines.append(f"{date}: {cap(t.pick(weather))}. {entry}")
        day, weekday = day + 1, (weekday + 1) % 7
    return lines


def chain(t):
    """A cumulative rhyme: each verse begins anew and ends with the whole verse before it."""
    verse = f"the house in {t.pick(lex.TOWNS)}"
    lines = [f"This is {verse}."]
    for noun in t.some(lex.CONTAINERS, 2) + [t.thing().the.removeprefix("the ")]:
        verse = f"the {noun} that {t.pick(['stands', 'lies', 'is kept'])} in {verse}"
        lines.append(f"This is {verse}.")
    return lines


def nested(t):
    """Clauses inside clauses; the verb agrees with the noun it belongs to, not with its neighbour."""
    lines = []
    for _ in range(t.number(3, 5)):
        many, other = t.chance(0.5), t.chance(0.5)
        x, place, quality = t.pick(lex.THINGS), t.pick(lex.PLACES), t.pick(lex.QUALITIES)
        who = t.pick(lex.TRADES)
        subject, be = (plural(x), "are") if many else (x, "is")
        owner = f"the {plural(who) if other else who}"
        verb = t.pick(lex.HANDLING)
        verb = verb if other else third(verb)
        p, q, r = t.some(lex.WOMEN + lex.MEN, 3)
        lines.append(cap(t.pick([
            f"the {subject} that {owner} {verb} {be} {quality}.",
            f"the {subject} {at(place)} {be} {quality}, but {owner} {'do' if other else 'does'} not know it.",
            f"{owner} who {verb} the {subject} {'live' if other else 'lives'} near the {place}.",
            f"{p} says that {q} {past(t.pick(lex.SOCIAL))} the {who} who {past(t.pick(lex.SOCIAL))} {r}.",
            f"the {who} whom {p} {past(t.pick(lex.SOCIAL))} was {past(t.pick(lex.SOCIAL), True)} by {q}, and not by {r}.",
            f"neither {p} nor {q} knows why the {subject} {be} {quality}.",
        ])))
    return lines


def voices(t):
    """Active and passive: the same event told twice."""
    lines = []
    for _ in range(t.number(2, 4)):
        p, q, x = t.person(), t.person(), t.thing()
        lines.append(t.pick([
            "{p} {did} {q}. {q} was {done} by {p}.",
            "It was {q} who was {done} by {p}. So {p} {did} {q}.",
            "Yesterday {p} {did} {q}, and tomorrow {q} will {do} {p}.",
            "Did {p} {do} {q}? Yes, {p} {did} {q.him}.",
        ]).format(p=p, q=q, do=(v := t.pick(lex.SOCIAL)), did=past(v), done=past(v, True)))
    return lines


def talk(t):
    """Two people, taking turns; what one says the other takes up."""
    p, q, x = t.person(), t.person(), t.thing()
    place, price = t.place(), t.number(2, 20)
    offer = price - t.number(1, price - 1)
    scene = t.pick(["buy", "way", "name"])
    if scene == "buy":
        lines = [f'"How much is {x.the}?" asked {q}.', f'"{cap(words(price))} coins," said {p}.',
                 f'"That is too much," said {q}. "I will give you {words(offer)}."']
        if t.chance(0.5):
            lines += [f'"Good," said {p}, "{words(offer)} for {x.short} it is."', f"So {q} bought {x.the} and saved {count(price - offer, 'coins')}."]
        else:
            lines += [f'"No," said {p}, "{words(price)} coins and no less."', f"So {p} kept {x.the}."]
    elif scene == "way":
        turns = [t.pick(["left", "right"]) for _ in range(2)]
        lines = [f'"Excuse me, where is the {place}?" asked {q}.', f'"Turn {turns[0]} at the {t.place()}, and then {turns[1]}," said {p}.',
                 f'"First {turns[0]}, then {turns[1]}," repeated {q}.', f'"Yes," said {p}, "and there is the {place}."']
    else:
        lines = [f'"Who are you?" asked {p}.', f'"My name is {q}," said {q}, "and I am {a(q.trade)}. And who are you?"',
                 f'"I am {p}, the {p.trade}. Welcome {at(place)}, {q}!"', f'"It is good to meet {a(p.trade)}," said {q}.']
    return [f"{p} and {q} met {at(t.place())}."] * t.chance(0.5) + lines


def directions(t):
    """Numbered steps on a map with four winds, and the way back."""
    facing, place, goal = t.number(0, 3), t.place(), t.place()
    start, lines = place, [f"The way from the {place} to the {goal}"]
    for step in range(1, t.number(2, 4) + 1):
        corner, turn = t.place(), t.pick(["left", "right"])
        before, facing = facing, (facing + (1 if turn == "right" else 3)) % 4
        lines.append(f"{step}. Leave the {place} and walk {lex.COMPASS[before]}. Turn {turn} at the {corner}, so that you face {lex.COMPASS[facing]}.")
        place = corner
    back = lex.COMPASS[(facing + 2) % 4]
    return lines + [f"Walk {lex.COMPASS[facing]} until you see the {goal}. To go back to the {start}, walk {back} first."]


def notice(t):
    p, x, place = t.person(), t.thing(), t.place()
    reward = t.number(2, 30)
    kind = t.pick(["LOST", "FOUND", "FOR SALE"])
    body = {
        "LOST": f"{x.a}, last seen {at(place)}. Whoever brings {x.the} back to {p} gets {count(reward, 'coins')}.",
        "FOUND": f"{x.a}, {at(place)}. Whoever lost {x.short} may ask {p}, the {p.trade}, for it.",
        "FOR SALE": f"{x.a}, hardly used, {count(reward, 'coins')}. Ask {p} {at(place)}.",
    }[kind]
    return [f"{kind}: {body} Signed, {p}, {p.trade}."]


# register: how many of a hundred and odd documents are of this kind
REGISTERS = {
    tale: 28, letter: 10, recipe: 7, stock: 5, log: 5, sums: 9, lesson: 11, alphabet: 2, race: 2,
    gazetteer: 11, bestiary: 5, trade: 4, family: 4, ranking: 4, diary: 6, chain: 3, nested: 7,
    voices: 4, talk: 8, directions: 3, notice: 5,
}


# What the training text has least of: a sixth of its documents together.
RARE_REGISTERS = {register: 1 for register, often in REGISTERS.items() if often <= 4}


def documents(seed, avoid=frozenset(), mix=REGISTERS):
    """Documents without end. None is given twice, nor any that is in `avoid`."""
    rng, seen = random.Random(f"subnet-studio {seed}"), set(avoid)
    registers, weights = list(mix), list(mix.values())
    while True:
        register = rng.choices(registers, weights)[0]
        document = "\n".join(register(Teller(rng)))
        if document not in seen:
            seen.add(document)
            yield document


def text(seed, size, avoid=frozenset(), mix=REGISTERS):
    """At least `size` bytes of documents, a blank line between each two."""
    taken, length = [], 0
    for document in documents(seed, avoid, mix):
        taken.append(document)
        length += len(document) + 2
        if length >= size:
            return "\n\n".join(taken) + "\n"


def split(corpus):
    """The documents of a text."""
    return corpus.strip("\n").split("\n\n")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", default="1")
    options.add_argument("--bytes", type=int, default=4000)
    given = options.parse_args()
    print(text(given.seed, given.bytes), end="")
