"""What can end a fleet: `FleetError`, one line with what, where and the remedy."""


class FleetError(Exception):
    """A fleet that cannot go on."""


class BusyError(FleetError):
    """The service cannot answer for the moment."""
