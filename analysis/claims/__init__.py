"""Judge the claims that the documents make of GRU and LSTM: a section each with verdict, interval and figure.

rnnexp claims [uri=MLFLOW_STORE] [out=FOLDER] [into=PAGE] [only=NAME,NAME]

Reads what is recorded; each claim's runs are made by one command, `rnnexp -m experiment=claims/NAME`, which its
section names. A claim without runs is "not tried". Writes into FOLDER/claims: index.html, claims.md (the table),
claims.json (every number and sentence), figures/. into=analysis/README.md puts the table between the two marks
of that page, too. only: these claims alone.
"""
