"""Train, load and compare runs from Python or a notebook.

    import rnnexp

    run = rnnexp.train(cell="gru", hidden_size=128)
    run.history, run.test_ppl, run.generate("the dog"), run.plot()
    rnnexp.compare([run, rnnexp.train(cell="lstm", hidden_size=128)])

settings    from Python's values to the config that the command composes of the same
train       does a run in a folder, or takes it up where it stands
run         shows what a run came to; `comparison` several of them
"""
