"""Make tables and figures from what runs recorded, without importing the training code.

records         reads the runs of a study from an MLflow store
configurations  says which settings vary, and names and groups runs by them
columns         lists the recorded metrics that a table shows
statistics      computes over the seeds: means, paired differences; returns rows
checks          names every run that is not in the numbers
comparison      puts these together for a study
tables          writes rows as Markdown
figures         draws them
compare challenge reproduce    the commands; `command` reads their arguments
speed/          measures the training code itself; nothing else here imports it
"""
