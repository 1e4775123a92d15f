"""`python -m balanza`: the same as the command `balanza`."""

from balanza.cli import main

main()
