"""`python -m tawsil.apps.cli`."""

from tawsil.apps.cli import main

main()
