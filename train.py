"""``python train.py RECIPE.yaml [key=value ...]``: the same as ``generalist train``."""

from generalist.app.cli import train_main

if __name__ == "__main__":
    train_main()
