"""Judge the claims from their studies, a file a claim."""
