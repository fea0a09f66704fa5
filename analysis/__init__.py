"""Make tables and figures from what runs recorded, without importing the training code.

records         reads the runs of a study from an MLflow store
configurations  says which settings vary, and names and groups runs by them
columns         lists the recorded metrics that a table shows
statistics      computes over the seeds: means, paired differences; returns rows
intervals       gives means and rates their intervals
differences     measures how far apart two configurations are: Welch, paired, equality, effect sizes
multiplicity    pays for testing more than once: Holm, simultaneous intervals, two looks
planning        says how many seeds would decide
text_error      says how much a mean loss owes to its text
tuning          says what a number of trials buys: the best of n
fairness        checks whether runs may be compared: a light a question
verdict         decides what may be said of two configurations; `wording` puts it in a sentence
checks          names every run that is not in the numbers
comparison      puts these together for a study
tables          writes rows as Markdown
gap             says which kinds of tokens a gap comes from; `importance` which settings mattered
figures/        draws them, a file a family
compare challenge reproduce    the commands; `command` reads their arguments
speed/          measures the training code itself; nothing else here imports it
"""
