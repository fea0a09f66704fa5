"""Keep on disk what a run is and does: its folder, who may write that, its checkpoints and its origin."""
