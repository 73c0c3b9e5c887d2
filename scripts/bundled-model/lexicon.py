"""The words of the little world, and the facts that never change in it.

Everything here is data. `corpus.py` turns it into text; a fact in this file (a fox barks, a
cooper makes barrels with a hoop) is the same in every document of every seed, so that a model
can learn it by heart, while whatever `corpus.py` draws (who owns which lantern) has to be read
in the text itself. The two kinds of knowledge sit in different parts of a transformer, and a
pruned model should have both to lose.
"""

WOMEN = """Ada Agnes Alma Anna Bella Bertha Cara Clara Dora Edith Ella Emma Esme Eva Flora Freda
Gerda Greta Hanna Hazel Hilda Ida Ines Iris Ivy Jane Julia Kate Lena Lily Lucy Mabel Maria Marta
Maud Mira Nell Nora Olga Olive Petra Rita Rosa Ruth Selma Tess Thea Una Vera Wilma""".split()

MEN = """Abel Adam Alan Albert Anton Arthur Basil Bruno Carl Cyril Daniel David Edgar Emil Ernest
Felix Frank Fritz George Gilbert Harold Hector Henry Hugo Igor Ivan Jacob Jasper John Karl Leo
Luke Magnus Martin Max Milo Nils Noah Oscar Otto Paul Peter Ralph Robert Simon Stefan Theo Tom
Victor Walter""".split()

# trade: (what they do, in the past tense), (what they make, plural), (their tool), (where they work)
TRADES = {
    "baker": ("baked", "loaves", "oven", "bakery"),
    "blacksmith": ("forged", "nails", "hammer", "smithy"),
    "brewer": ("brewed", "ales", "kettle", "brewery"),
    "carpenter": ("built", "tables", "saw", "workshop"),
    "clockmaker": ("repaired", "clocks", "tweezers", "clock tower"),
    "cobbler": ("mended", "boots", "awl", "shoe shop"),
    "cooper": ("shaped", "barrels", "hoop", "barrel yard"),
    "doctor": ("treated", "patients", "lamp", "hospital"),
    "farmer": ("grew", "turnips", "plough", "farm"),
    "fisher": ("caught", "herrings", "net", "harbour"),
    "gardener": ("planted", "roses", "spade", "garden"),
    "glazier": ("cut", "windows", "diamond", "glass house"),
    "hatter": ("stitched", "hats", "needle", "hat shop"),
    "judge": ("settled", "quarrels", "gavel", "court"),
    "mason": ("laid", "walls", "trowel", "quarry"),
    "miller": ("ground", "grains", "millstone", "mill"),
    "painter": ("painted", "portraits", "brush", "studio"),
    "piper": ("played", "tunes", "flute", "theatre"),
    "potter": ("fired", "jugs", "wheel", "pottery"),
    "printer": ("printed", "pamphlets", "press", "print shop"),
    "sailor": ("sailed", "boats", "compass", "pier"),
    "shepherd": ("guarded", "flocks", "whistle", "meadow"),
    "tailor": ("sewed", "coats", "scissors", "tailor shop"),
    "teacher": ("taught", "lessons", "chalk", "school"),
    "weaver": ("wove", "carpets", "loom", "weaving hall"),
    "woodcutter": ("split", "logs", "axe", "forest"),
}

# animal: kind, what it does with its voice, where it sleeps, what it eats, its young
ANIMALS = {
    "bear": ("beast", "growls", "cave", "honey", "cub"),
    "bee": ("insect", "hums", "hive", "nectar", "grub"),
    "cat": ("pet", "purrs", "basket", "mice", "kitten"),
    "cow": ("farm animal", "moos", "barn", "grass", "calf"),
    "cricket": ("insect", "chirps", "hedge", "leaves", "nymph"),
    "crow": ("bird", "caws", "elm", "worms", "chick"),
    "dog": ("pet", "barks", "kennel", "bones", "puppy"),
    "donkey": ("farm animal", "brays", "shed", "thistles", "foal"),
    "duck": ("bird", "quacks", "reeds", "snails", "duckling"),
    "fox": ("beast", "yelps", "den", "rabbits", "kit"),
    "frog": ("pond animal", "croaks", "pond", "flies", "tadpole"),
    "goat": ("farm animal", "bleats", "pen", "bark", "kid"),
    "goose": ("bird", "honks", "marsh", "clover", "gosling"),
    "hen": ("bird", "clucks", "coop", "corn", "chick"),
    "horse": ("farm animal", "neighs", "stable", "hay", "foal"),
    "lion": ("beast", "roars", "savanna", "zebras", "cub"),
    "mouse": ("beast", "squeaks", "hole", "cheese", "pup"),
    "owl": ("bird", "hoots", "belfry", "voles", "owlet"),
    "pig": ("farm animal", "grunts", "sty", "acorns", "piglet"),
    "snake": ("reptile", "hisses", "nest", "eggs", "hatchling"),
    "swan": ("bird", "trumpets", "lake", "water plants", "cygnet"),
    "wolf": ("beast", "howls", "lair", "deer", "whelp"),
}

# The towns; their facts are dealt out once, by a fixed seed, in corpus.py.
TOWNS = """Abberley Aldmoor Birkwell Bramford Calder Corvane Dunmere Eastry Elmstead Fallow Farnby
Gorsehill Greyfell Hallow Harwick Ingleby Kelby Larkham Lindow Marlow Millbrook Netherby Norwick
Oakley Ostrand Pellworth Quayside Ravenholm Redcliff Rosedale Saltby Selwick Stonebridge Tarnside
Thornby Ulverby Underhill Valemont Westerby Wickham Wolding Yarrow""".split()
REGIONS = "the North Hills, the South Coast, the Western Isles, the Lake Country, the Great Plain".split(", ")
RIVERS = "Alder Brann Cole Dart Esk Fenn Garrow Isen Lorn Medway Nidd Orrin Severn Tarn Ure Wend".split()
GOODS = """amber barley butter candles cheese cider copper coal glass herbs honey ink iron lace
leather linen marble mustard oats paper pepper plums salt silk slate soap tea timber wax wool""".split()

COLOURS = "black blue brown golden green grey orange pink purple red silver white yellow".split()
STUFFS = "brass clay copper glass iron leather oak paper silk stone straw wooden woollen".split()
QUALITIES = """broken clean cracked crooked dusty empty fine heavy large light little narrow new
old plain polished round rusty sharp small smooth square strange sturdy thick thin tiny torn""".split()

# Things one can carry. Plurals are regular, or in IRREGULAR.
THINGS = """apron arrow bag ball basket bell belt blanket book boot bottle bowl box bracelet broom
brush bucket button candle cap chain chest clock cloak coat coin comb crown cup dish doll drum fan
feather flag flute fork glove hammer hat helmet horn jar jug kettle key kite knife ladder lamp
lantern letter lock map mask medal mirror mug needle parcel pen pillow pipe plate pot purse ring
rope saddle sack scarf shawl shield shoe spoon stamp statue stick stool sword ticket torch towel
tray trumpet umbrella vase violin wallet whistle""".split()
CONTAINERS = "bag basket bottle bowl box bucket chest jar pot purse sack tin trunk drawer".split()
FRUITS = """apples beans carrots cherries eggs figs grapes lemons melons nuts olives onions oranges
peaches pears plums potatoes radishes turnips""".split()

# place: the preposition that goes with being there
PLACES = {
    "attic": "in", "bakery": "at", "barn": "in", "beach": "on", "bridge": "on", "castle": "in",
    "cellar": "in", "chapel": "in", "church": "in", "court": "at", "farm": "on", "forest": "in",
    "fountain": "at", "garden": "in", "gate": "at", "hall": "in", "harbour": "in", "hill": "on",
    "hospital": "in", "inn": "at", "island": "on", "kitchen": "in", "library": "in",
    "lighthouse": "in", "market": "at", "meadow": "in", "mill": "at", "museum": "in",
    "orchard": "in", "palace": "in", "pier": "on", "post office": "at", "quarry": "in",
    "river": "at", "school": "at", "square": "on", "stable": "in", "station": "at",
    "studio": "in", "theatre": "in", "tower": "in", "town hall": "in", "valley": "in",
    "village": "in", "well": "at", "workshop": "in",
}
HIDING = ["under the stairs", "behind the door", "under the bed", "on the shelf", "beside the stove",
          "behind the curtain", "under a flat stone", "in the hollow tree", "on the window sill",
          "under the table", "between two barrels", "at the bottom of the well"]

MOODS = {  # mood: why, in words that fit any person
    "angry": "nobody had asked {him}", "ashamed": "{he} had told a lie",
    "afraid": "the night was dark", "bored": "nothing ever happened",
    "calm": "the work was done", "cold": "the fire had gone out",
    "curious": "{he} had heard a noise", "glad": "the news was good",
    "grateful": "everyone had helped {him}", "happy": "the sun was shining",
    "hungry": "{he} had not eaten", "jealous": "the others had more",
    "lonely": "{his} friends were away", "nervous": "the judge was waiting",
    "proud": "{he} had won the prize", "sad": "the summer was over",
    "sleepy": "{he} had been up all night", "surprised": "{he} had not expected it",
    "thirsty": "the road was long", "tired": "{he} had walked all day",
}

# verb: past tense, past participle (the regular ones are made by corpus.py)
STRONG_VERBS = {
    "bring": ("brought", "brought"), "buy": ("bought", "bought"), "find": ("found", "found"),
    "give": ("gave", "given"), "hide": ("hid", "hidden"), "hold": ("held", "held"),
    "keep": ("kept", "kept"), "know": ("knew", "known"), "leave": ("left", "left"),
    "lend": ("lent", "lent"), "lose": ("lost", "lost"), "see": ("saw", "seen"),
    "sell": ("sold", "sold"), "send": ("sent", "sent"), "steal": ("stole", "stolen"),
    "take": ("took", "taken"), "teach": ("taught", "taught"), "throw": ("threw", "thrown"),
    "hear": ("heard", "heard"), "meet": ("met", "met"), "forget": ("forgot", "forgotten"),
    "pay": ("paid", "paid"), "drop": ("dropped", "dropped"),
}
HANDOVERS = "give bring lend sell send offer hand show throw".split()      # a VERBs x to b
SOCIAL = """admire advise answer blame call follow greet hear help know meet pay praise see teach
thank trust visit warn watch""".split()                                     # a VERBs b
HANDLING = "buy carry clean drop find forget hide hold keep lose measure mend paint polish steal want wash".split()

IRREGULAR = {"knife": "knives", "loaf": "loaves", "mouse": "mice", "goose": "geese", "wolf": "wolves",
             "calf": "calves", "box": "boxes", "torch": "torches", "brush": "brushes", "dish": "dishes",
             "fox": "foxes", "shelf": "shelves", "scarf": "scarves", "woman": "women", "man": "men",
             "child": "children", "bench": "benches", "radish": "radishes", "peach": "peaches",
             "cherry": "cherries", "puppy": "puppies", "baby": "babies", "potato": "potatoes"}

OPPOSITES = """hot cold, big small, tall short, early late, empty full, heavy light, high low, hard
soft, old young, open closed, rich poor, right wrong, sharp blunt, sweet sour, thick thin, wet dry,
wide narrow, loud quiet, near far, deep shallow, fast slow, first last, clean dirty, strong weak,
bright dark, happy sad, true false, up down, left right, inside outside, above below, always never,
more less, begin end, buy sell, push pull, remember forget, laugh cry, win lose, arrive leave"""

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
SEASON = dict(zip(MONTHS, "winter winter spring spring spring summer summer summer autumn autumn autumn winter".split()))
WEATHER = {"winter": "snow frost fog sleet ice".split(), "spring": "rain sunshine wind drizzle blossom".split(),
           "summer": "sunshine thunder heat haze dust".split(), "autumn": "rain fog wind mist storms".split()}
COMPASS = "north east south west".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen""".split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
SHAPES = {"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6, "heptagon": 7, "octagon": 8}
COMPARISONS = {"tall": ("taller", "tallest", "shortest"), "old": ("older", "oldest", "youngest"),
               "fast": ("faster", "fastest", "slowest"), "strong": ("stronger", "strongest", "weakest"),
               "rich": ("richer", "richest", "poorest")}

# dish: its vessel, then for each ingredient the unit and how it goes in
DISHES = {
    "apple cake": ("tin", {"apples": ("", "peel and slice"), "flour": ("cups of", "sift"), "eggs": ("", "beat"), "sugar": ("spoons of", "stir in"), "butter": ("spoons of", "melt")}),
    "bean soup": ("pot", {"beans": ("cups of", "soak"), "onions": ("", "chop"), "water": ("jugs of", "boil"), "salt": ("pinches of", "add")}),
    "cheese pie": ("dish", {"cheese": ("slices of", "grate"), "eggs": ("", "beat"), "milk": ("cups of", "warm"), "flour": ("cups of", "sift")}),
    "fish stew": ("kettle", {"herrings": ("", "clean"), "potatoes": ("", "peel and slice"), "leeks": ("", "chop"), "pepper": ("pinches of", "add")}),
    "honey bread": ("oven", {"flour": ("cups of", "sift"), "honey": ("spoons of", "warm"), "yeast": ("spoons of", "dissolve"), "water": ("cups of", "pour in")}),
    "lemon tea": ("teapot", {"lemons": ("", "squeeze"), "tea": ("spoons of", "measure"), "water": ("cups of", "boil"), "sugar": ("spoons of", "stir in")}),
    "mushroom pancakes": ("pan", {"mushrooms": ("", "chop"), "eggs": ("", "beat"), "milk": ("cups of", "warm"), "flour": ("cups of", "sift")}),
    "plum jam": ("copper pan", {"plums": ("", "halve"), "sugar": ("cups of", "stir in"), "cinnamon": ("pinches of", "add"), "water": ("cups of", "boil")}),
    "rice pudding": ("bowl", {"rice": ("cups of", "rinse"), "milk": ("cups of", "warm"), "raisins": ("spoons of", "soak"), "cinnamon": ("pinches of", "add")}),
    "turnip salad": ("bowl", {"turnips": ("", "grate"), "nuts": ("spoons of", "crush"), "vinegar": ("spoons of", "pour in"), "salt": ("pinches of", "add")}),
}
