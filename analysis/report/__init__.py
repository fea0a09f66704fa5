"""Write a study on one page: which cell, was it fair, by how much, at what cost, and every run's fate."""
