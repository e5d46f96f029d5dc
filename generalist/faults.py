"""The one error that a user can cause: it names what is at fault and, where it can, the cure."""

__all__ = ["Fault"]


class Fault(ValueError):
    """A request, a file or an option is at fault. The command line prints it in one line and exits with 2."""
