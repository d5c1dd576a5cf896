"""`python examples/python-shop serve` and `python examples/python-shop seed`."""

from shop.cli import main

main()
