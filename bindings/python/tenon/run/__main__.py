"""python -m tenon.run: see tenon/run/_program.py."""

from tenon.run import _program

_program.main()
