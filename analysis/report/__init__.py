"""Write the page of a study: which cell, was it fair, by how much, at what cost, and every run's fate.

rnnexp report study=NAME [study=A,B] [where=CONDITION] [baseline=lstm] [margin=0.01] [look=1]
                          [strict=false] [uri=MLFLOW_STORE] [out=FOLDER]

study     one study or several, separated by commas
where     keeps some of the runs: 'dataset.name=ptb and model.num_layers=2'
baseline  compare with this cell or configuration alone, not each pair
margin    what matters, in nats per token: 0.01 is 1% of perplexity
look      2 where a study is looked at a second time, with more seeds
strict    exit status 1 where a check of fairness refuses a verdict
out       the folder in which the studies' reports lie

Written into the study's folder of reports: index.html, table.md, table.csv, table.tex, runs.csv,
report.json, figures/.
"""
