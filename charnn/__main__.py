"""`python -m charnn` is `charnn`."""

from charnn.cli import main

main(prog_name="charnn")
