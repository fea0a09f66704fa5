"""Keep what a run is and does on disk: its folder, who may write it, checkpoints, name and origin."""
