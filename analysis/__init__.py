"""Make tables and figures from what runs recorded, without importing the training code.

records         reads the runs of studies from an MLflow store; `sqlite` by SQL, where it is a file
where           chooses runs by their settings
described       says of each run what the analysis asks of it; `fates` why it is not in the numbers
configurations  says which settings vary, and names the runs by them
design          finds which configurations stand for their cells, and which are compared
comparing       puts runs into groups that may be compared, with lights and verdicts
study           puts these together: `load_study`, which everything below reads
intervals       gives means and rates their intervals
differences     measures how far apart two configurations are: Welch, paired, equality, effect sizes
multiplicity    pays for testing more than once: Holm, simultaneous intervals, two looks
planning        says how many seeds would decide
text_error      says how much a mean loss owes to its text
tuning          says what a number of trials buys: the best of n
fairness        checks whether runs may be compared: a light a question
verdict         decides what may be said of two configurations; `wording` puts it in a sentence
columns         lists the columns of the table, an entry each; `tables` writes a study as Markdown and CSV
about_text      says what a loss on a text is to be read beside: n-gram models, unseen words
texts           says what a difference owes to the test text
gap             says which kinds of tokens a gap comes from; `importance` which settings mattered
pareto          says which of several are beaten on all counts
figures/        draws them, a file a family
insert          puts a table into a page that the user names
markdown        writes tables in Markdown
published       lists what the documents published, for `reproduce`
web             makes a page of HTML from a template; `templates/` has what all pages share
report/         puts a study on a page: verdicts, checks, tables, figures, every run's fate
contrasts       tests weighted sums of means: slopes, differences of differences, lowest points of parabolas
claims/         judges what the documents claim of the cells, a section each
ablation compare challenge reproduce    the commands; `command` reads their arguments
speed/          measures the training code itself; nothing else here imports it
"""
