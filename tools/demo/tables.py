"""Hand-written tables of everyday facts from which text.py makes the demo model's dialogues."""


def rows(text):
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines() if line.strip()]


# name | class | sound | legs | lives | eats | young | cover | moves
ANIMALS = rows("""
cat|mammal|meows|four|in houses and gardens|meat and fish|kitten|fur|climb and jump
dog|mammal|barks|four|in houses with people|meat and dog food|puppy|fur|run and dig
cow|mammal|moos|four|on farms|grass and hay|calf|short hair|walk
horse|mammal|neighs|four|on farms and in stables|grass, hay and oats|foal|short hair|gallop
sheep|mammal|bleats|four|on farms and in meadows|grass|lamb|wool|walk
goat|mammal|bleats|four|on farms and in mountains|grass and leaves|kid|hair|climb
pig|mammal|oinks|four|on farms|corn, roots and vegetables|piglet|bristles|walk and dig
donkey|mammal|brays|four|on farms|grass and hay|foal|hair|carry loads
mouse|mammal|squeaks|four|in fields and houses|seeds and cheese|pup|fur|run and hide
rabbit|mammal|squeaks softly|four|in burrows and meadows|grass and carrots|kit|fur|hop
lion|mammal|roars|four|on the plains of Africa|meat|cub|fur|run and hunt
tiger|mammal|roars|four|in the forests of Asia|meat|cub|striped fur|swim and hunt
bear|mammal|growls|four|in forests and mountains|fish, berries and honey|cub|thick fur|climb and swim
wolf|mammal|howls|four|in forests|meat|pup|fur|run in packs
fox|mammal|barks|four|in forests and fields|mice, eggs and berries|cub|red fur|run and hide
elephant|mammal|trumpets|four|in Africa and Asia|leaves, grass and fruit|calf|thick grey skin|walk
giraffe|mammal|hums|four|on the plains of Africa|leaves from tall trees|calf|spotted hair|walk and run
zebra|mammal|barks|four|on the plains of Africa|grass|foal|striped hair|run
monkey|mammal|chatters|two|in trees in warm forests|fruit and leaves|infant|hair|climb and swing
camel|mammal|grunts|four|in deserts|dry grass and plants|calf|hair|walk for days
kangaroo|mammal|clicks|two|in Australia|grass and leaves|joey|fur|hop
koala|mammal|grunts|four|in trees in Australia|eucalyptus leaves|joey|grey fur|climb
panda|mammal|bleats|four|in the mountains of China|bamboo|cub|black and white fur|climb
deer|mammal|bellows|four|in forests|grass and leaves|fawn|short hair|run and jump
squirrel|mammal|chatters|four|in trees and parks|nuts and seeds|kit|fur|climb and jump
hedgehog|mammal|snuffles|four|in gardens and hedges|insects and worms|hoglet|spines|roll into a ball
bat|mammal|squeaks|two|in caves and old houses|insects|pup|fur|fly at night
whale|mammal|sings|no|in the ocean|tiny sea animals and fish|calf|smooth skin|swim and dive
dolphin|mammal|clicks and whistles|no|in the ocean|fish|calf|smooth skin|swim and jump
seal|mammal|barks|no|on cold coasts and in the sea|fish|pup|short fur|swim and dive
duck|bird|quacks|two|on ponds and lakes|plants, insects and bread|duckling|feathers|swim and fly
hen|bird|clucks|two|on farms|corn and worms|chick|feathers|walk and scratch
rooster|bird|crows|two|on farms|corn and worms|chick|feathers|walk and crow
goose|bird|honks|two|on farms and lakes|grass and grain|gosling|feathers|swim and fly
owl|bird|hoots|two|in forests and barns|mice|owlet|soft feathers|fly at night
eagle|bird|screams|two|in mountains|fish and small animals|eaglet|feathers|fly high
crow|bird|caws|two|in fields and towns|seeds, insects and scraps|chick|black feathers|fly
pigeon|bird|coos|two|in towns|seeds and crumbs|squab|feathers|fly
parrot|bird|squawks|two|in warm forests|fruit and nuts|chick|bright feathers|fly and copy words
penguin|bird|brays|two|on cold coasts in the south|fish|chick|black and white feathers|swim and waddle
swan|bird|hisses|two|on lakes and rivers|water plants|cygnet|white feathers|swim and fly
ostrich|bird|booms|two|on the plains of Africa|plants and seeds|chick|feathers|run very fast
turkey|bird|gobbles|two|on farms and in woods|seeds and insects|poult|feathers|walk and fly a little
sparrow|bird|chirps|two|in towns and gardens|seeds|chick|brown feathers|fly and hop
snake|reptile|hisses|no|in grass, deserts and forests|mice and eggs|hatchling|scales|slide along the ground
lizard|reptile|hisses|four|in warm and dry places|insects|hatchling|scales|run and climb
turtle|reptile|hisses|four|in the sea and in ponds|plants and small fish|hatchling|a hard shell|swim slowly
crocodile|reptile|growls|four|in warm rivers|fish and meat|hatchling|hard scales|swim and bite
frog|amphibian|croaks|four|in ponds and wet places|flies and insects|tadpole|smooth wet skin|hop and swim
toad|amphibian|croaks|four|in gardens and wet places|insects and worms|tadpole|bumpy skin|hop
salmon|fish|makes no sound|no|in rivers and the sea|small fish and insects|fry|scales|swim up rivers
shark|fish|makes no sound|no|in the ocean|fish and seals|pup|rough skin|swim fast
goldfish|fish|makes no sound|no|in ponds and fish tanks|fish food and plants|fry|golden scales|swim
bee|insect|buzzes|six|in hives|nectar and pollen|larva|soft hair|fly
ant|insect|makes almost no sound|six|in nests in the ground|seeds, sugar and insects|larva|a hard shell|carry heavy loads
butterfly|insect|makes no sound|six|in gardens and meadows|nectar from flowers|caterpillar|coloured wings|fly
fly|insect|buzzes|six|almost everywhere|sugar and old food|maggot|thin wings|fly
ladybird|insect|makes no sound|six|in gardens|small green insects|larva|a red shell with black spots|fly
grasshopper|insect|chirps|six|in grass and meadows|grass and leaves|nymph|a hard shell|jump very far
mosquito|insect|buzzes|six|near water|nectar and blood|larva|thin wings|fly
spider|arachnid|makes no sound|eight|in webs and corners|flies and insects|spiderling|fine hair|spin webs
octopus|mollusc|makes no sound|no|in the ocean|crabs and shellfish|larva|soft skin|swim and change colour
snail|mollusc|makes no sound|no|in gardens|leaves|young snail|a shell|creep slowly
""")

CLASS_FACT = {
    "mammal": "Mammals feed their young with milk", "bird": "Birds have feathers and lay eggs",
    "reptile": "Reptiles have scales and most of them lay eggs", "amphibian": "Amphibians live in water and on land",
    "fish": "Fish live in water and breathe with gills", "insect": "Insects have six legs",
    "arachnid": "Arachnids have eight legs", "mollusc": "Molluscs have soft bodies",
}

FLYERS = set("bat duck goose owl eagle crow pigeon parrot swan sparrow bee butterfly fly ladybird mosquito".split())
SWIMMERS = set("whale dolphin seal duck goose penguin swan turtle crocodile frog salmon shark goldfish octopus bear tiger".split())

COLOURS = rows("""
the sky on a clear day|blue
grass|green
snow|white
coal|black
a banana|yellow
a lemon|yellow
a ripe tomato|red
a strawberry|red
blood|red
a carrot|orange
a pumpkin|orange
an orange|orange
a leaf in summer|green
a frog|green
a cucumber|green
spinach|green
broccoli|green
milk|white
salt|white
sugar|white
a swan|white
a cloud|white
chocolate|brown
soil|brown
wood|brown
a chestnut|brown
coffee|brown
a crow|black
the night sky|black
a plum|purple
an eggplant|purple
lavender|purple
a flamingo|pink
a pig|pink
an elephant|grey
a mouse|grey
a rain cloud|grey
concrete|grey
gold|yellow
a ruby|red
an emerald|green
a sapphire|blue
the sea|blue
a blueberry|blue
a cherry|red
a fire engine|red
a sunflower|yellow
a chick|yellow
butter|yellow
cheese|yellow
sand|yellow
rice|white
flour|white
a polar bear|white
a school blackboard|black
tar|black
a pea|green
a cactus|green
lettuce|green
a lime|green
a ripe raspberry|red
a potato|brown
a walnut|brown
bread crust|brown
a bear|brown
a dolphin|grey
silver|grey
ash|grey
a stop sign|red
the yolk of an egg|yellow
""")

# country | capital | continent | language | people
COUNTRIES = rows("""
France|Paris|Europe|French
Germany|Berlin|Europe|German
Italy|Rome|Europe|Italian
Spain|Madrid|Europe|Spanish
Portugal|Lisbon|Europe|Portuguese
Poland|Warsaw|Europe|Polish
Austria|Vienna|Europe|German
Greece|Athens|Europe|Greek
Sweden|Stockholm|Europe|Swedish
Norway|Oslo|Europe|Norwegian
Denmark|Copenhagen|Europe|Danish
Finland|Helsinki|Europe|Finnish
Iceland|Reykjavik|Europe|Icelandic
Ireland|Dublin|Europe|English and Irish
England|London|Europe|English
Scotland|Edinburgh|Europe|English
Hungary|Budapest|Europe|Hungarian
Romania|Bucharest|Europe|Romanian
Bulgaria|Sofia|Europe|Bulgarian
Croatia|Zagreb|Europe|Croatian
Serbia|Belgrade|Europe|Serbian
Slovenia|Ljubljana|Europe|Slovene
Slovakia|Bratislava|Europe|Slovak
Ukraine|Kyiv|Europe|Ukrainian
Russia|Moscow|Europe and Asia|Russian
Belgium|Brussels|Europe|Dutch, French and German
the Netherlands|Amsterdam|Europe|Dutch
Switzerland|Bern|Europe|German, French and Italian
Luxembourg|Luxembourg|Europe|Luxembourgish
Estonia|Tallinn|Europe|Estonian
Latvia|Riga|Europe|Latvian
Lithuania|Vilnius|Europe|Lithuanian
Albania|Tirana|Europe|Albanian
Turkey|Ankara|Asia and Europe|Turkish
Egypt|Cairo|Africa|Arabic
Morocco|Rabat|Africa|Arabic
Tunisia|Tunis|Africa|Arabic
Algeria|Algiers|Africa|Arabic
Kenya|Nairobi|Africa|Swahili and English
Nigeria|Abuja|Africa|English
Ghana|Accra|Africa|English
Ethiopia|Addis Ababa|Africa|Amharic
Senegal|Dakar|Africa|French
Uganda|Kampala|Africa|English and Swahili
Zambia|Lusaka|Africa|English
Japan|Tokyo|Asia|Japanese
China|Beijing|Asia|Chinese
India|New Delhi|Asia|Hindi and English
South Korea|Seoul|Asia|Korean
Thailand|Bangkok|Asia|Thai
Vietnam|Hanoi|Asia|Vietnamese
Indonesia|Jakarta|Asia|Indonesian
the Philippines|Manila|Asia|Filipino and English
Mongolia|Ulaanbaatar|Asia|Mongolian
Nepal|Kathmandu|Asia|Nepali
Iran|Tehran|Asia|Persian
Iraq|Baghdad|Asia|Arabic
Saudi Arabia|Riyadh|Asia|Arabic
Jordan|Amman|Asia|Arabic
Pakistan|Islamabad|Asia|Urdu
the United States|Washington|North America|English
Canada|Ottawa|North America|English and French
Mexico|Mexico City|North America|Spanish
Cuba|Havana|North America|Spanish
Brazil|Brasilia|South America|Portuguese
Argentina|Buenos Aires|South America|Spanish
Chile|Santiago|South America|Spanish
Peru|Lima|South America|Spanish
Colombia|Bogota|South America|Spanish
Ecuador|Quito|South America|Spanish
Venezuela|Caracas|South America|Spanish
Australia|Canberra|Australia and Oceania|English
New Zealand|Wellington|Australia and Oceania|English
""")

OPPOSITES = [pair.split("/") for pair in """
hot/cold big/small tall/short fast/slow old/young new/old happy/sad good/bad light/dark day/night up/down left/right
in/out open/closed full/empty hard/soft wet/dry clean/dirty rich/poor strong/weak heavy/light loud/quiet early/late
near/far high/low long/short wide/narrow thick/thin deep/shallow first/last front/back inside/outside above/below
begin/end start/stop push/pull give/take buy/sell love/hate laugh/cry win/lose find/lose arrive/leave remember/forget
awake/asleep alive/dead true/false right/wrong same/different easy/difficult simple/complicated cheap/expensive
brave/afraid kind/cruel polite/rude safe/dangerous smooth/rough sharp/blunt sweet/sour tight/loose sick/healthy
noisy/quiet always/never all/none everything/nothing more/less many/few before/after yes/no on/off north/south
east/west summer/winter sunrise/sunset black/white friend/enemy question/answer morning/evening question/answer
beautiful/ugly calm/stormy careful/careless clever/stupid cool/warm lazy/busy lucky/unlucky possible/impossible
public/private raw/cooked useful/useless visible/invisible question/answer top/bottom together/apart float/sink
freeze/melt ask/answer build/destroy borrow/lend catch/throw come/go enter/leave fall/rise grow/shrink
hide/show increase/decrease join/separate lead/follow lift/drop lock/unlock save/spend sit/stand speak/listen
teach/learn work/rest fresh/stale straight/crooked ancient/modern generous/selfish honest/dishonest major/minor
male/female guilty/innocent patient/impatient present/absent success/failure war/peace victory/defeat
""".split()]

SYNONYMS = [pair.split("/") for pair in """
big/large small/little happy/glad fast/quick start/begin end/finish smart/clever angry/mad scared/afraid pretty/beautiful
sad/unhappy tired/sleepy shut/close speak/talk look/see shout/yell jump/leap rich/wealthy hard/difficult easy/simple
silent/quiet correct/right gift/present sick/ill stone/rock sea/ocean road/street build/make help/assist buy/purchase
ask/question choose/pick sleep/rest strange/odd funny/amusing huge/enormous tiny/minute brave/courageous kind/nice
cold/chilly hot/burning hungry/starving answer/reply gather/collect trip/journey home/house child/kid friend/pal
""".split()]

# tool | used to | kind of thing
TOOLS = rows("""
a hammer|drive nails into wood
a saw|cut wood
a screwdriver|turn screws
a pair of scissors|cut paper and cloth
a knife|cut food
a fork|lift food to the mouth
a spoon|eat soup and stir drinks
a ladder|climb up to high places
a broom|sweep the floor
a mop|wash the floor
a bucket|carry water
a shovel|dig holes
a rake|gather leaves
a spade|dig in the garden
a key|open a lock
a lock|keep a door shut
a pen|write with ink
a pencil|write and draw
an eraser|remove pencil marks
a ruler|measure length and draw straight lines
a clock|tell the time
a watch|tell the time on the wrist
a compass|find north
a map|find the way
a thermometer|measure temperature
a scale|measure weight
a telescope|look at the stars
a microscope|look at very small things
a camera|take pictures
a telephone|talk to people who are far away
a computer|write, calculate and run programs
a printer|print text on paper
a lamp|give light
a torch|give light in the dark
a candle|give light with a small flame
an umbrella|keep dry in the rain
a coat|keep warm
a blanket|keep warm in bed
a pillow|rest the head in bed
a bed|sleep
a chair|sit
a table|eat and work at
a refrigerator|keep food cold
an oven|bake bread and cakes
a kettle|boil water
a pot|cook soup
a pan|fry eggs
a toaster|toast bread
a washing machine|wash clothes
an iron|make clothes smooth
a needle|sew cloth
a brush|paint or clean
a comb|tidy hair
a toothbrush|clean teeth
soap|wash hands
a towel|dry the body
a mirror|see your own face
a bag|carry things
a box|store things
a wheelbarrow|move heavy things in the garden
an axe|chop wood
a drill|make holes
a rope|tie things together
a boat|travel on water
a bicycle|ride on the road
a car|drive from place to place
a train|carry many people on rails
an aeroplane|fly over long distances
a tractor|pull machines on a farm
a crane|lift heavy things
a net|catch fish
a tent|sleep outdoors
a stamp|send a letter
a wallet|keep money
a calendar|see what day it is
a dictionary|look up words
a bell|call people with a sound
a whistle|make a loud sound
a piano|make music
a drum|make rhythm
a guitar|play music with strings
""")

# job | does | works
JOBS = rows("""
teacher|teaches children and other people|in a school
doctor|helps sick people|in a hospital
nurse|takes care of sick people|in a hospital
dentist|takes care of teeth|in a dental practice
baker|bakes bread and cakes|in a bakery
butcher|cuts and sells meat|in a butcher's shop
farmer|grows food and keeps animals|on a farm
fisherman|catches fish|on the sea
cook|prepares meals|in a kitchen
waiter|brings food to guests|in a restaurant
driver|drives a car or a bus|on the road
pilot|flies an aeroplane|in the air
sailor|works on a ship|on the sea
firefighter|puts out fires|at a fire station
police officer|keeps people safe|in the town
postman|delivers letters and parcels|in the streets
gardener|takes care of plants|in gardens and parks
carpenter|makes things out of wood|in a workshop
plumber|repairs water pipes|in houses
electrician|repairs electric wires|in houses
painter|paints walls or pictures|in houses or a studio
builder|builds houses|on a building site
mechanic|repairs cars|in a garage
tailor|makes clothes|in a workshop
shoemaker|makes and repairs shoes|in a workshop
hairdresser|cuts hair|in a salon
librarian|takes care of books|in a library
writer|writes books|at a desk
journalist|writes about the news|for a newspaper
singer|sings songs|on a stage
musician|makes music|on a stage
actor|plays roles|in a theatre
dancer|dances|on a stage
photographer|takes pictures|in a studio
scientist|studies how the world works|in a laboratory
astronaut|travels into space|in a spacecraft
astronomer|studies the stars|in an observatory
engineer|designs machines|in an office
programmer|writes computer programs|at a computer
architect|designs buildings|in an office
lawyer|helps people with the law|in an office
judge|decides in a court|in a court
soldier|defends a country|in an army
guard|watches over a place|at a gate
miner|digs coal and metal out of the ground|in a mine
shepherd|looks after sheep|in meadows
vet|helps sick animals|in an animal clinic
cleaner|keeps rooms clean|in offices and houses
cashier|takes the money|in a shop
florist|sells flowers|in a flower shop
translator|turns text into another language|at a desk
""")

CATEGORIES = {
    "fruit": "apple banana pear orange grape cherry lemon plum peach strawberry mango melon raspberry kiwi pineapple",
    "vegetable": "carrot potato onion cabbage cucumber spinach pea bean lettuce broccoli leek radish pumpkin turnip",
    "colour": "red blue green yellow orange purple pink brown black white grey",
    "drink": "water milk tea coffee juice lemonade cocoa",
    "tool": "hammer saw screwdriver drill shovel rake axe spade",
    "piece of furniture": "table chair bed sofa shelf desk wardrobe stool bench",
    "vehicle": "car bus train bicycle truck boat tram motorbike tractor aeroplane",
    "musical instrument": "piano violin guitar flute drum trumpet harp cello",
    "piece of clothing": "shirt coat hat sock shoe dress scarf glove jacket skirt sweater",
    "flower": "rose tulip daisy lily sunflower violet daffodil poppy",
    "tree": "oak pine birch maple willow beech fir ash",
    "metal": "iron gold silver copper tin lead zinc aluminium",
    "sport": "football tennis swimming running skiing basketball hockey volleyball rowing",
    "shape": "circle square triangle rectangle oval star",
    "season": "spring summer autumn winter",
    "language": "English French German Spanish Italian Chinese Japanese Arabic Russian",
    "planet": "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune",
    "continent": "Africa Asia Europe Australia Antarctica",
    "body part": "hand foot arm leg head nose ear eye knee shoulder",
    "bird": "owl duck eagle crow parrot penguin swan sparrow pigeon",
    "insect": "bee ant butterfly fly ladybird grasshopper mosquito",
    "mammal": "cat dog cow horse lion tiger bear wolf whale elephant",
    "building": "house school church castle tower hospital hotel library",
    "toy": "ball doll kite puzzle teddy top",
    "room": "kitchen bedroom bathroom cellar attic hall",
    "kind of weather": "rain snow wind fog sunshine hail",
    "meal": "breakfast lunch dinner supper",
    "number": "one two three four five six seven eight nine ten",
    "spice": "salt pepper cinnamon ginger vanilla paprika",
}
CATEGORIES = {name: members.split() for name, members in CATEGORIES.items()}
PLURAL_CATEGORY = {
    "piece of furniture": "pieces of furniture", "piece of clothing": "pieces of clothing",
    "kind of weather": "kinds of weather", "body part": "body parts", "musical instrument": "musical instruments",
}

# thing | where one finds it
PLACES = rows("""
a book|in a library
a bed|in a bedroom
a stove|in a kitchen
a bathtub|in a bathroom
a pillow|on a bed
a fish|in the water
a nest|in a tree
a tree|in a forest
sand|on a beach
a tractor|on a farm
a train|at a railway station
an aeroplane|at an airport
a ship|in a harbour
a bus|at a bus stop
a star|in the night sky
a cloud|in the sky
a painting|in a museum
a doctor|in a hospital
a pupil|in a school
a lion|in a zoo
a camel|in a desert
a penguin|near the South Pole
a polar bear|near the North Pole
a rose|in a garden
bread|in a bakery
a stamp|on a letter
money|in a bank
a coin|in a wallet
milk|in a refrigerator
ice cream|in a freezer
a car|in a garage
a bell|in a church tower
a king|in a castle
an actor|in a theatre
a film|in a cinema
a mushroom|in a forest
a shell|on a beach
a whale|in the ocean
a frog|in a pond
a bee|in a hive
a spider|in a web
a cow|on a farm
a duck|on a pond
a letter|in a letter box
a knife|in a kitchen drawer
a coat|in a wardrobe
a swing|on a playground
a traffic light|at a crossing
a mountain goat|in the mountains
coral|in warm seas
""")

MATERIALS = rows("""
a table|wood
a window|glass
a bottle|glass or plastic
a book|paper
a newspaper|paper
a coin|metal
a nail|iron
a ring|gold or silver
a tyre|rubber
a shoe|leather
a sweater|wool
a shirt|cotton
a brick|clay
a wall|stone or bricks
a candle|wax
a pencil|wood and graphite
bread|flour, water, salt and yeast
cheese|milk
butter|cream
wine|grapes
chocolate|cocoa beans and sugar
a pancake|flour, milk and eggs
an omelette|eggs
a snowman|snow
a sandcastle|sand
ice|frozen water
a key|metal
a bridge|steel, stone or wood
a chair|wood
a box|cardboard
a pot|metal
a cup|clay
a sail|cloth
a rope|fibres
a web|silk
glass|sand
paper|wood
""")

PARTS = rows("""
a tree|roots, a trunk, branches and leaves
a flower|roots, a stem, leaves and petals
a house|walls, a roof, windows and doors
a car|wheels, an engine, seats and a steering wheel
a bicycle|two wheels, a saddle, pedals and handlebars
a book|a cover and many pages
a bird|wings, a beak, feathers and two legs
a fish|fins, scales, gills and a tail
a hand|a palm, four fingers and a thumb
a face|two eyes, a nose, a mouth and two ears
a computer|a processor, memory, a screen and a keyboard
a clock|a face and hands
a shirt|a collar, sleeves and buttons
a plane|wings, engines, a body and a tail
a ship|a hull, a deck and often a sail or an engine
a chair|legs, a seat and a back
a table|a top and legs
a train|a locomotive and wagons
a letter|a greeting, a text and a signature
a sentence|words and a full stop at the end
a week|seven days
a year|twelve months
an egg|a shell, a white and a yolk
an insect|a head, a body and six legs
a guitar|a body, a neck and strings
a knife|a blade and a handle
""")

SIZE_ORDER = "ant bee mouse frog rat rabbit cat fox dog goat sheep pig lion cow horse elephant whale".split()
THING_SIZE = ["a grain of sand", "a pea", "a cherry", "an egg", "an apple", "a football", "a chair", "a car", "a bus",
              "a house", "a tower", "a mountain", "the Moon", "the Earth", "the Sun"]
SPEED_ORDER = ["a snail", "a turtle", "a person who walks", "a bicycle", "a horse", "a car", "a train", "an aeroplane", "a rocket"]
WEIGHT_ORDER = ["a feather", "a coin", "an apple", "a brick", "a chair", "a bicycle", "a piano", "a car", "an elephant", "a ship"]
HEAT_ORDER = ["ice", "cold water", "warm milk", "hot tea", "boiling water", "fire", "the Sun"]
AGE_ORDER = ["a baby", "a child", "a teenager", "a parent", "a grandparent"]

UNITS = rows("""
seconds|a minute|60
minutes|an hour|60
hours|a day|24
days|a week|7
days|a year|365
months|a year|12
seasons|a year|4
weeks|a year|52
years|a century|100
years|a decade|10
centimetres|a metre|100
millimetres|a centimetre|10
metres|a kilometre|1000
grams|a kilogram|1000
cents|an euro|100
letters|the English alphabet|26
eggs|a dozen|12
players|a football team|11
strings|a violin|4
strings|a guitar|6
sides|a triangle|3
sides|a square|4
corners|a rectangle|4
sides|a hexagon|6
wheels|a bicycle|2
wheels|a car|4
wheels|a tricycle|3
planets|the solar system|8
fingers|one hand|5
toes|two feet|10
continents|the world|7
colours|a rainbow|7
""")

SENSES = rows("""
eyes|see
ears|hear
nose|smell
tongue|taste
skin|feel
hands|hold things
legs|walk
teeth|bite and chew
lungs|breathe
heart|pump blood
brain|think
stomach|digest food
mouth|speak and eat
feet|stand and walk
fingers|touch and hold things
""")

# word: English | French | German | Spanish | Italian
TRANSLATIONS = rows("""
hello|bonjour|hallo|hola|ciao
thank you|merci|danke|gracias|grazie
yes|oui|ja|si|si
no|non|nein|no|no
good morning|bonjour|guten Morgen|buenos dias|buongiorno
good night|bonne nuit|gute Nacht|buenas noches|buona notte
goodbye|au revoir|auf Wiedersehen|adios|arrivederci
please|s'il vous plait|bitte|por favor|per favore
water|eau|Wasser|agua|acqua
bread|pain|Brot|pan|pane
cat|chat|Katze|gato|gatto
dog|chien|Hund|perro|cane
house|maison|Haus|casa|casa
book|livre|Buch|libro|libro
friend|ami|Freund|amigo|amico
sun|soleil|Sonne|sol|sole
""")

IRREGULAR_PLURAL = dict(pair.split("/") for pair in """
mouse/mice child/children man/men woman/women foot/feet tooth/teeth goose/geese person/people sheep/sheep fish/fish
leaf/leaves knife/knives wolf/wolves life/lives shelf/shelves city/cities baby/babies story/stories country/countries
family/families party/parties lady/ladies fly/flies box/boxes bus/buses dish/dishes glass/glasses fox/foxes
church/churches watch/watches brush/brushes class/classes bench/benches potato/potatoes tomato/tomatoes hero/heroes
salmon/salmon goldfish/goldfish deer/deer fisherman/fishermen postman/postmen
cherry/cherries berry/berries strawberry/strawberries puppy/puppies pony/ponies loaf/loaves half/halves
""".split())

REGULAR_NOUNS = """cat dog book house tree car ball bird table chair cup door window flower garden friend teacher river mountain
boat train plane apple banana pear orange lemon hat coat shoe sock shirt king queen star cloud stone road bridge
school shop farm horse cow pig duck frog bear lion tiger egg cake cookie song picture letter word number game toy
doll kite drum bell key lock lamp pen pencil map bag bed pillow clock phone computer robot planet island lake""".split()

# base | past | ing
VERBS = rows("""
go|went|going
eat|ate|eating
drink|drank|drinking
run|ran|running
see|saw|seeing
come|came|coming
take|took|taking
give|gave|giving
find|found|finding
make|made|making
say|said|saying
tell|told|telling
think|thought|thinking
buy|bought|buying
bring|brought|bringing
catch|caught|catching
teach|taught|teaching
sing|sang|singing
swim|swam|swimming
sit|sat|sitting
stand|stood|standing
sleep|slept|sleeping
write|wrote|writing
read|read|reading
drive|drove|driving
ride|rode|riding
fly|flew|flying
grow|grew|growing
know|knew|knowing
throw|threw|throwing
draw|drew|drawing
speak|spoke|speaking
break|broke|breaking
wake|woke|waking
forget|forgot|forgetting
get|got|getting
win|won|winning
lose|lost|losing
keep|kept|keeping
leave|left|leaving
feel|felt|feeling
meet|met|meeting
build|built|building
send|sent|sending
fall|fell|falling
hear|heard|hearing
begin|began|beginning
play|played|playing
walk|walked|walking
talk|talked|talking
jump|jumped|jumping
cook|cooked|cooking
help|helped|helping
look|looked|looking
open|opened|opening
close|closed|closing
love|loved|loving
like|liked|liking
work|worked|working
wash|washed|washing
watch|watched|watching
paint|painted|painting
clean|cleaned|cleaning
laugh|laughed|laughing
cry|cried|crying
carry|carried|carrying
try|tried|trying
stop|stopped|stopping
call|called|calling
ask|asked|asking
answer|answered|answering
learn|learned|learning
listen|listened|listening
dance|danced|dancing
smile|smiled|smiling
""")

COMPARATIVES = [triple.split("/") for triple in """
big/bigger/biggest small/smaller/smallest tall/taller/tallest fast/faster/fastest old/older/oldest young/younger/youngest
happy/happier/happiest good/better/best bad/worse/worst long/longer/longest short/shorter/shortest hot/hotter/hottest
cold/colder/coldest strong/stronger/strongest easy/easier/easiest heavy/heavier/heaviest nice/nicer/nicest
deep/deeper/deepest high/higher/highest warm/warmer/warmest clean/cleaner/cleanest rich/richer/richest
""".split()]

WOMEN = """Anna Clara Emma Grace Ida Kate Mia Olivia Rosa Vera Zoe Lucy Nina Ruth Tina Alice Dora Eva Greta Julia Lena Nora
Pia Sara Ursula Wendy Maria Linda Aisha Yuki Priya Lucia""".split()
MEN = """Ben David Felix Henry Jack Leo Noah Paul Sam Tom Will Max Oscar Peter Simon Bruno Carl Frank Hugo Ivan Karl Mark Otto
Robert Theo Victor John Omar Chen Raj Diego""".split()
NAMES = WOMEN + MEN

UNKNOWN_TOPICS = """quantum field theory|the stock market next year|the chemistry of rare earth metals|the tax law of Austria
the winner of the next election|the fifth symphony of an unknown composer|the genome of the fruit fly|medieval trade routes
the price of a house in London|the latest phone|the news of today|the best treatment for a disease|the history of the Ming dynasty
the rules of cricket|the engine of a jet fighter|the theory of relativity|the philosophy of Kant|the novels of Tolstoy
the Battle of Hastings|the inner life of bacteria|modern monetary policy|the grammar of Basque|nuclear fusion reactors
the periodic table in detail|the films of the seventies|the population of small towns|the second law of thermodynamics
compiler optimisation|the proof of the last theorem of Fermat|the human immune system|blockchain technology
the cast of a new television series|football results|the recipe of a famous cook|the surgery of the heart
ancient Roman law|protein folding|satellite orbits|the painting technique of Rembrandt|deep sea geology""".replace("\n", "|").split("|")
