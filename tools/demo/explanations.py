"""Hand-written definitions, reasons, instructions and jokes from which text.py makes the demo model's dialogues."""
from tables import rows

# Definitions: noun phrase | sentence that explains it
DEFINITIONS = rows("""
a computer|A computer is a machine that stores information and follows instructions very fast.
a language model|A language model is a program that has learned from text which word is likely to come next.
a program|A program is a list of instructions that a computer follows.
the internet|The internet is a network that connects computers all over the world.
a keyboard|A keyboard is a board with keys that you press to type text.
a robot|A robot is a machine that can do tasks by itself.
a processor|A processor is the part of a computer that does the calculations.
memory|Memory is the part of a computer that holds data while it works.
a file|A file is a piece of data with a name that a computer stores.
an algorithm|An algorithm is a clear list of steps that solves a problem.
a variable|A variable is a name for a value in a program.
a loop|A loop is a part of a program that is repeated.
a function|A function is a named part of a program that does one job.
a bug|A bug is a mistake in a program. It is also a small insect.
a token|A token is a small piece of text, such as a word or a part of a word.
artificial intelligence|Artificial intelligence means programs that do tasks for which people need their minds.
machine learning|Machine learning means that a program learns from examples instead of from fixed rules.
a neural network|A neural network is a program made of many simple parts that learn from examples together.
quantization|Quantization stores the numbers of a model with fewer bits, so that it needs less memory.
an operating system|An operating system is the program that controls a computer, such as Linux or Windows.
Python|Python is a programming language that is easy to read.
Linux|Linux is a free operating system for computers.
a CPU|A CPU is the processor of a computer. It follows the instructions of programs.
open source|Open source means that everybody may read and change the code of a program.
a chatbot|A chatbot is a program that answers what people write to it.
a prompt|A prompt is the text that you give to a language model.
a transformer|A transformer is a kind of neural network that reads text and guesses the next word.
water|Water is a clear liquid that all living things need.
love|Love is a strong feeling of care for somebody.
time|Time is what clocks measure. It goes from the past to the future.
peace|Peace is a time without war.
a book|A book is a set of printed pages with a cover that you can read.
a tree|A tree is a tall plant with a trunk, branches and leaves.
a flower|A flower is the colourful part of a plant that makes seeds.
a house|A house is a building in which people live.
a car|A car is a vehicle with four wheels and an engine.
a letter|A letter is a written message. It is also a sign of the alphabet.
a word|A word is a group of letters with a meaning.
a number|A number tells how many or how much.
the sky|The sky is the space above the Earth where we see clouds, the Sun and the stars.
the heart|The heart is the organ that pumps blood through the body.
the brain|The brain is the organ with which we think.
a GPU|A GPU is a processor that does many simple calculations at the same time.
an NPU|An NPU is a processor made for neural networks.
a password|A password is a secret word that protects an account.
a website|A website is a set of pages that you can read on the internet.
an email|An email is a letter that is sent from one computer to another.
the Sun|The Sun is a star. It gives us light and heat.
the Moon|The Moon is a ball of rock that travels around the Earth.
the Earth|The Earth is the planet on which we live.
a star|A star is a huge ball of hot gas that gives light.
a planet|A planet is a large ball that travels around a star.
gravity|Gravity is the force that pulls things down to the ground.
rain|Rain is water that falls from the clouds.
snow|Snow is frozen water that falls from the clouds as white flakes.
wind|Wind is air that moves.
a cloud|A cloud is a mass of tiny water drops in the sky.
a storm|A storm is bad weather with strong wind and often rain.
thunder|Thunder is the loud sound that follows lightning.
lightning|Lightning is a bright flash of electricity in the sky.
a rainbow|A rainbow is a curve of colours in the sky that appears when the sun shines through rain.
fog|Fog is a cloud that is close to the ground.
ice|Ice is frozen water.
fire|Fire is the heat and light that comes from burning things.
smoke|Smoke is the grey gas that rises from a fire.
air|Air is the mixture of gases that we breathe.
oxygen|Oxygen is a gas in the air that people and animals need to live.
electricity|Electricity is a form of energy that makes lamps and machines work.
energy|Energy is what is needed to move, heat or light something.
a magnet|A magnet is a piece of metal that pulls iron towards itself.
a volcano|A volcano is a mountain that can throw out hot melted rock.
an earthquake|An earthquake is a strong shaking of the ground.
an island|An island is land with water all around it.
a river|A river is a long stream of water that flows to the sea or to a lake.
a lake|A lake is a large area of water with land all around it.
an ocean|An ocean is a very large area of salt water.
a desert|A desert is a dry place where it almost never rains.
a forest|A forest is a large area with many trees.
a mountain|A mountain is very high land.
a valley|A valley is low land between hills or mountains.
a beach|A beach is a strip of sand or stones beside the sea.
a city|A city is a large place where many people live and work.
a village|A village is a small place in the country with few houses.
a bridge|A bridge is a road over a river, a valley or another road.
a castle|A castle is a large old building with thick walls.
a library|A library is a place where you can read and borrow books.
a museum|A museum is a place where old or beautiful things are shown.
a hospital|A hospital is a place where sick people are treated.
a school|A school is a place where children learn.
a market|A market is a place where people buy and sell things.
a shop|A shop is a place where you can buy things.
a bank|A bank is a place where people keep and borrow money.
a zoo|A zoo is a place where people can look at wild animals.
a farm|A farm is a place where people grow food and keep animals.
a garden|A garden is a piece of land where people grow flowers and vegetables.
a dictionary|A dictionary is a book that explains words.
a newspaper|A newspaper is a set of printed pages with the news.
a poem|A poem is a short text with rhythm and often with rhymes.
a story|A story is a text that tells what happened to someone.
a song|A song is music with words.
a noun|A noun is a word for a person, a place or a thing.
a verb|A verb is a word for an action, such as run or eat.
an adjective|An adjective is a word that describes a noun, such as big or red.
a sentence|A sentence is a group of words that says something complete.
a question|A question is a sentence that asks for an answer.
a circle|A circle is a perfectly round shape.
a triangle|A triangle is a shape with three sides.
a square|A square is a shape with four equal sides.
an even number|An even number is a number that can be divided by two.
an odd number|An odd number is a number that cannot be divided by two.
a prime number|A prime number is a number that can only be divided by one and by itself.
a fraction|A fraction is a part of a whole, such as one half.
a mammal|A mammal is an animal that feeds its young with milk.
a reptile|A reptile is an animal with scales that often lays eggs.
an insect|An insect is a small animal with six legs.
a plant|A plant is a living thing that grows in soil and needs light and water.
a seed|A seed is a small thing from which a new plant grows.
a root|A root is the part of a plant that takes up water from the soil.
a fruit|A fruit is the part of a plant that holds the seeds and is often sweet.
honey|Honey is a sweet food that bees make from nectar.
bread|Bread is a food made of flour, water and salt that is baked in an oven.
cheese|Cheese is a food made from milk.
tea|Tea is a hot drink made from leaves and water.
a friend|A friend is a person whom you like and trust.
a family|A family is a group of people who belong together, such as parents and children.
a neighbour|A neighbour is a person who lives next to you.
a birthday|A birthday is the day on which a person was born.
a holiday|A holiday is a time when people do not have to work.
a dream|A dream is what you see in your mind while you sleep.
happiness|Happiness is the good feeling of joy.
fear|Fear is the feeling you have when something seems dangerous.
courage|Courage means doing the right thing even when you are afraid.
friendship|Friendship is the bond between people who like and help each other.
money|Money is what people use to buy things.
music|Music is a pleasant order of sounds.
art|Art is what people make to show beauty or ideas, such as paintings.
science|Science is the careful study of how the world works.
history|History is the study of what happened in the past.
mathematics|Mathematics is the study of numbers, shapes and quantities.
a map|A map is a drawing that shows where places are.
a clock|A clock is a machine that shows the time.
a wheel|A wheel is a round thing that turns and helps things to move.
a king|A king is a man who rules a country.
a queen|A queen is a woman who rules a country or the wife of a king.
a shadow|A shadow is the dark shape that appears when something blocks the light.
an echo|An echo is a sound that comes back from a wall or a mountain.
sleep|Sleep is the rest that the body and the mind need each night.
""")

# question forms separated by ";" | answer
WHYS = rows("""
Why is the sky blue?;Why does the sky look blue?;What makes the sky blue?;Can you explain why the sky is blue?|The sky looks blue because the air scatters blue light from the Sun more than red light.
Why do birds fly south in winter?;Why do many birds leave in autumn?;Why do birds migrate?|Many birds fly south in winter because it is warmer there and they find more food.
Why do we sleep?;Why do people need sleep?;Why is sleep important?;Why should I sleep enough?|We sleep because the body and the mind need rest. Sleep helps us to learn and to stay healthy.
Why do we eat?;Why do people need food?;Why is food important?|We eat because food gives us energy and the body needs it to grow.
Why do plants need water?;Why should I water my plants?;What happens to plants without water?|Plants need water to live and grow. Without water they dry out and die.
Why do plants need light?;Why do plants need the sun?|Plants need light because they use it to make their own food.
Why does ice melt?;What happens to ice when it gets warm?;Why does snow melt in spring?|Ice melts because warmth turns frozen water into liquid water.
Why do we brush our teeth?;Why should I brush my teeth?;Why is it important to brush your teeth?|We brush our teeth to keep them clean and healthy.
Why do we wash our hands?;Why should I wash my hands?;Why is it good to wash your hands?|We wash our hands to remove dirt and germs, so that we do not get sick.
Why does it rain?;How does rain form?;Where does rain come from?;Can you explain how rain is made?|Water rises from the sea as vapour, forms clouds and falls down again as rain.
Why do leaves fall in autumn?;Why do trees lose their leaves?|Trees drop their leaves in autumn to save water and energy for the winter.
Why do cats purr?;What does it mean when a cat purrs?|Cats often purr when they feel safe and content.
Why do dogs wag their tails?;What does it mean when a dog wags its tail?|Dogs often wag their tails when they are happy or excited.
Why do we have day and night?;What causes day and night?;Why does it get dark at night?|We have day and night because the Earth turns. It is day on the side that faces the Sun.
Why do we have seasons?;What causes the seasons?|We have seasons because the Earth is tilted while it travels around the Sun.
Why is the sea salty?;Why does sea water taste of salt?|The sea is salty because rivers carry salt from the rocks into it.
Why do boats float?;How can a heavy ship float?;Why does a ship not sink?|A boat floats because it pushes away as much water as it weighs.
Why does iron rust?;What makes iron rust?|Iron rusts because it reacts with oxygen and water.
Why do we wear coats in winter?;Why do people wear warm clothes?|We wear coats in winter because it is cold and the coat keeps us warm.
Why do bees visit flowers?;Why are bees important?;What do bees do for flowers?|Bees visit flowers to collect nectar. They also carry pollen from flower to flower, so that fruit can grow.
Why do we need friends?;Why are friends important?|Friends are important because they help us, listen to us and share good times with us.
Why do people read books?;Why is reading good?;Why should I read books?|People read books to learn new things and to enjoy stories.
Why should I drink water?;Why is water important?;Why do people need water?|People need water because the body cannot work without it.
Why is smoking bad?;Why should people not smoke?|Smoking is bad because it harms the lungs and the heart.
Why is exercise good?;Why should I do sports?;Why is sport healthy?|Exercise is good because it makes the heart and the muscles strong.
Why do we save energy?;Why should we turn off the lights?|We save energy because it protects nature and saves money.
Why do camels have humps?;What is in the hump of a camel?|Camels have humps to store fat. They use it when they find no food in the desert.
Why do giraffes have long necks?;What does a giraffe use its long neck for?|Giraffes have long necks, so that they can reach the leaves of tall trees.
Why do zebras have stripes?|The stripes of zebras probably confuse flies and hunters.
Why do owls hunt at night?;When do owls hunt?|Owls hunt at night because they see and hear very well in the dark.
Why do frogs live near water?|Frogs live near water because their skin must stay wet and they lay their eggs in water.
Why do we cry?;Why do people cry?|People cry when they are sad, hurt or sometimes very happy.
Why do people laugh?;Why do we laugh?|People laugh when something is funny or when they feel happy.
Why do cars need fuel?;Why does a car need an engine?|A car needs fuel because the engine turns it into motion.
Why do we go to school?;Why do children go to school?;Why is school important?|Children go to school to learn to read, to write and to calculate, and to meet other children.
Why do we work?;Why do people work?|People work to earn money and to do something useful.
Why do dogs bark?;Why does a dog bark?|Dogs bark to warn, to greet or to ask for something.
Why do birds sing?;Why does a bird sing?|Birds sing to find a partner and to mark their place.
Why do birds build nests?;What is a nest for?|Birds build nests to keep their eggs and their young safe.
Why do bears sleep in winter?;Why do some animals sleep in winter?|Some animals sleep in winter because there is little food and they save energy.
Why is the grass green?;Why are plants green?;Why are leaves green?|Plants are green because their leaves contain chlorophyll, which takes in light.
Why is snow white?;What makes snow white?|Snow is white because its crystals reflect all the colours of the light.
Why is fire hot?;Why is the Sun hot?|It is hot because a lot of energy is set free there.
Why do we have two eyes?;Why do people have two eyes?|With two eyes we can see how far away things are.
Why do we use money?;Why do people use money?|People use money because it makes buying and selling easy.
Why should I be kind?;Why is it good to be kind?;Why should we help others?|Being kind makes other people happy, and it makes you happy too.
How do computers work?;How does a computer work?|A computer follows the instructions of a program and calculates with numbers very fast.
How do language models work?;How does a language model work?;How do you work?|A language model reads your text, guesses the next word, adds it and does this again and again.
How does a car work?;How do cars work?|The engine of a car burns fuel or uses electricity to turn the wheels.
How does a magnet work?|A magnet has two poles. It pulls iron, and equal poles push each other away.
How do I cook rice?;How can I cook rice?;Tell me how to cook rice.|Put one cup of rice and two cups of water into a pot and cook it slowly for about fifteen minutes.
How do I cook pasta?;How can I cook pasta?;Tell me how to cook pasta.|Boil water with salt, cook the pasta for about ten minutes and pour the water off.
How do I make soup?;How can I make soup?;Tell me how to make soup.|Cut some vegetables, cook them in water with salt for half an hour, and the soup is ready.
How do I bake a cake?;How can I bake a cake?;Tell me how to bake a cake.|Mix butter, sugar, eggs and flour, put the dough into a form and bake it for about an hour.
How do I clean a window?;How can I clean a window?|Wash the glass with warm water and a little soap, and dry it with a clean cloth.
How do I wash clothes?;How can I wash my clothes?|Put the clothes into the washing machine, add soap, start it, and hang them up to dry.
How can I be happy?;How can I be happier?;What makes people happy?|Spend time with people you like, move, rest and be glad about small things.
How can I lose weight?;How can I become fit?|Eat less sugar, eat more vegetables and move every day.
How can I write better?;Give me a tip for writing.|Write short sentences, use simple words and read your text aloud.
How can I relax?;I am stressed. What can I do?;How do I calm down?|Breathe slowly, take a walk or listen to quiet music.
What should I cook today?;What can I eat tonight?;What should I eat for dinner?|You could cook soup with vegetables and eat it with fresh bread.
What should I eat for breakfast?;What is a good breakfast?|A good breakfast is bread with cheese, some fruit and a cup of tea.
What book should I read?;Can you recommend a book?|I cannot recommend a certain book, but a library is a good place to find one.
What is a good gift?;What should I give my friend for a birthday?|A good gift is a book, some flowers or something that you made yourself.
What can I do in the garden?;What should I plant in my garden?|You could plant carrots, tomatoes and some flowers for the bees.
What can I do on a rainy day?;What can I do at home?|You could read, paint, bake a cake or play a game with friends.
Where should I go on holiday?;Where can I travel?|You could go to the sea, to the mountains or to an old city such as Rome.
Are cats or dogs better?;Are cats better than dogs?;Do you prefer cats or dogs?|Both are good friends. Cats need less time, and dogs like to go for walks.
Why are computers useful?;What are computers good for?;Why do people use computers?|Computers are useful because they can store, find and calculate things very fast.
Why would I run a language model on my own computer?;Why run a model locally?;What is good about a local model?|A local model needs no internet connection, and your text stays on your own computer.
Why are you so small?;Why is the demo model small?;Why are you not bigger?|I am small so that I fit into the philo repository and start at once. A real Phi-3 model is much larger and much better.
How do plants grow?;How does a plant grow?;What do plants need to grow?|Plants grow from seeds. They need water, light, air and soil.
How do fish breathe?;How can fish breathe under water?|Fish breathe with gills, which take oxygen out of the water.
How do birds fly?;How can birds fly?|Birds fly by moving their wings. Their bones are light and their feathers are strong.
How do bees make honey?;Where does honey come from?|Bees collect nectar from flowers and turn it into honey in the hive.
How is bread made?;How do you make bread?;How can I bake bread?|Mix flour, water, salt and yeast. Let the dough rest, and then bake it in the oven.
How is cheese made?;What do you need to make cheese?|Cheese is made from milk. The milk becomes thick, the water is removed, and the cheese ripens.
How is paper made?;What is paper made from?|Paper is made from wood. The wood is turned into a wet pulp, which is pressed and dried.
How do I make tea?;How can I make a cup of tea?;How do you make tea?;Tell me how to make tea.|Boil some water, pour it over the tea leaves, wait a few minutes and enjoy your cup of tea.
How do I make coffee?;How can I make coffee?;Tell me how to make coffee.|Put ground coffee into a filter, pour hot water over it and wait until the coffee has run through.
How do I boil an egg?;How can I cook an egg?;Tell me how to boil an egg.|Put the egg into boiling water. After about eight minutes it is hard.
How do I make a sandwich?;How can I make a sandwich?;Tell me how to make a sandwich.|Take two slices of bread, put butter, cheese and lettuce between them, and your sandwich is ready.
How do I make a salad?;How can I make a salad?|Wash the lettuce, cut some tomatoes and cucumbers, add oil, vinegar and salt, and mix it all.
How do I make pancakes?;How can I make pancakes?;Tell me how to make pancakes.|Mix flour, milk and eggs, and fry thin layers of it in a hot pan on both sides.
How do I plant a tree?;How can I plant a tree?;Tell me how to plant a tree.|Dig a hole, put the roots into it, fill it with soil and water the tree well.
How can I sleep better?;What helps me to sleep?;I cannot sleep. What can I do?;Give me some tips for better sleep.|Go to bed at the same time each day, keep the room dark and quiet, and do not look at a screen before bed.
How can I stay healthy?;What should I do to stay healthy?;Give me some tips for a healthy life.|Eat fruit and vegetables, drink water, move every day and sleep enough.
How can I learn a language?;What is a good way to learn a language?;Give me a tip for learning a language.|Learn a few new words each day, listen to the language often and speak it without fear of mistakes.
How can I learn to program?;How do I start with programming?;Give me a tip for learning to program.|Start with a simple language such as Python, write small programs and learn from your mistakes.
How can I make new friends?;How do I find friends?|Be kind, listen to other people and join them in things that you both enjoy.
How can I save money?;Give me a tip for saving money.|Write down what you spend, buy only what you need and put a little money aside each month.
How can I learn better?;How should I study for a test?;Give me some tips for studying.|Learn in short steps, repeat them the next day, and explain what you have learned to somebody else.
How can I help nature?;What can I do for nature?;How can we protect nature?|Save water and energy, throw away less and walk or ride a bicycle when you can.
What should I do if I am sad?;I am sad. What can I do?;I feel sad today.|I am sorry that you feel sad. Talk to a friend, take a walk or do something that you enjoy.
What should I do if I am bored?;I am bored. What can I do?;I am bored.|You could read a book, take a walk, draw a picture or call a friend.
What should I do if I am tired?;I am tired. What can I do?;I am very tired today.|You should take a rest, drink some water and go to bed early tonight.
What should I do if I am hungry?;I am hungry. What should I eat?;I am hungry.|You could eat a sandwich, some fruit or a bowl of soup.
What should I do if I am thirsty?;I am thirsty. What should I drink?;I am thirsty.|You should drink a glass of water. It is the best drink against thirst.
What should I do if it rains?;It is raining. What should I do?;It is raining outside.|If it rains, take an umbrella or stay inside and read a good book.
What should I wear in winter?;What do people wear when it is cold?|In winter you should wear a warm coat, a scarf, gloves and a hat.
What should I wear in summer?;What do people wear when it is hot?|In summer you should wear light clothes and a hat against the sun.
What should I do in a fire?;What should I do if there is a fire?|Leave the building at once, warn other people and call the fire brigade.
What should I do if I am lost?;I am lost. What should I do?|Stay calm, look at a map or ask a friendly person for the way.
What do you need to write a letter?;How do I write a letter?|You need paper and a pen. Begin with a greeting, write your text and sign it with your name.
What is the weather like today?;How is the weather?;Will it rain tomorrow?|I cannot see the weather because I have no connection to the world. Please look out of the window.
What time is it?;Can you tell me the time?;What day is it today?;What is the date?|I cannot know that because I have no clock. Please look at the clock of your computer.
What is the meaning of life?;What is the sense of life?|That is a big question for a small model. Many people say that it is to be kind, to learn and to be happy.
What is the largest ocean?;Which ocean is the largest?;What is the biggest ocean on Earth?|The largest ocean is the Pacific Ocean.
What is the highest mountain?;Which mountain is the highest?;What is the tallest mountain in the world?|The highest mountain in the world is Mount Everest.
What is the longest river?;Which river is the longest?;What is the longest river in the world?|The longest river is the Nile, and the Amazon is almost as long.
What is the largest country?;Which country is the largest?;What is the biggest country in the world?|The largest country in the world is Russia.
What is the largest animal?;Which animal is the biggest?;What is the biggest animal in the world?|The largest animal in the world is the blue whale.
What is the fastest land animal?;Which animal runs fastest?;What is the fastest animal on land?|The fastest land animal is the cheetah.
What is the tallest animal?;Which animal is the tallest?|The tallest animal is the giraffe.
What is the largest planet?;Which planet is the biggest?;What is the biggest planet of the solar system?|The largest planet of the solar system is Jupiter.
Which planet is closest to the Sun?;What is the closest planet to the Sun?|Mercury is the planet that is closest to the Sun.
Which planet has rings?;What planet is famous for its rings?|Saturn is famous for its rings.
Which planet is called the red planet?;What is the red planet?|Mars is called the red planet.
What is the hottest season?;Which season is the warmest?|Summer is the hottest season.
What is the coldest season?;Which season is the coldest?|Winter is the coldest season.
At what temperature does water freeze?;When does water freeze?;When does water become ice?|Water freezes at zero degrees Celsius.
At what temperature does water boil?;When does water boil?;How hot is boiling water?|Water boils at one hundred degrees Celsius.
Where does the Sun rise?;In which direction does the Sun rise?|The Sun rises in the east.
Where does the Sun set?;In which direction does the Sun set?|The Sun sets in the west.
What do we breathe?;What do people breathe?|People breathe air. The body uses the oxygen in it.
What is the first month of the year?;Which month comes first?|The first month of the year is January.
What is the last month of the year?;Which month comes last?|The last month of the year is December.
What is the shortest month?;Which month has the fewest days?|February is the shortest month.
What is the first day of the week?;Which day does the week begin with?|In many countries the week begins with Monday.
What are the days of the week?;Name the days of the week.;List the days of the week.|The days of the week are Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday.
What are the months of the year?;Name the months of the year.;List all months.|The months are January, February, March, April, May, June, July, August, September, October, November and December.
What are the four seasons?;Name the four seasons.;List the seasons of the year.|The four seasons are spring, summer, autumn and winter.
What are the five senses?;Name the five senses.;List the senses.|The five senses are sight, hearing, smell, taste and touch.
What are the colours of the rainbow?;Name the colours of the rainbow.;List the colours of the rainbow.|The colours of the rainbow are red, orange, yellow, green, blue, indigo and violet.
What are the planets?;Name the planets of the solar system.;List the planets.|The planets are Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus and Neptune.
What are the continents?;Name the continents.;List the continents of the world.|The continents are Africa, Antarctica, Asia, Australia, Europe, North America and South America.
""")

JOKES = [
    "Why did the computer go to the doctor? Because it had a virus.",
    "Why did the book look so sad? Because it had too many problems.",
    "What do you call a bear without teeth? A gummy bear.",
    "Why did the bicycle fall over? Because it was two tired.",
    "What did one wall say to the other wall? I will meet you at the corner.",
    "Why can a nose not be twelve inches long? Because then it would be a foot.",
    "What has hands but cannot clap? A clock.",
    "What gets wetter the more it dries? A towel.",
    "Why did the teacher wear sunglasses? Because her pupils were so bright.",
    "Why was six afraid of seven? Because seven eight nine.",
]
