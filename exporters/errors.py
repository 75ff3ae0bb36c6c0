"""The errors a user of the agent can meet; each message says what, where and the remedy.

AgentError
 +-- SettingsError        a setting is unknown or has no sense
 +-- SensorError          a sensor that exists cannot be used
 +-- SpoolError           the spool cannot be opened or belongs to another host
 |    +-- DamagedError    what is in it is broken, and will not get better by itself
 |    +-- SpoolFullError  there is no room for more
 +-- ExplainError         there is no such process or control group
"""


class AgentError(Exception):
    """One line for the user; the command ends with exit code 1."""


class SettingsError(AgentError):
    """A setting is unknown or has no sense; nothing was started."""


class SensorError(AgentError):
    """A sensor that exists on this host cannot be used."""


class SpoolError(AgentError):
    """The spool cannot be opened, or it is not this host's."""


class DamagedError(SpoolError):
    """What is in the spool is broken: it is set aside, and another one begun."""


class SpoolFullError(SpoolError):
    """The disk, or what the spool may take of it, is full."""


class ExplainError(AgentError):
    """There is no process or control group to explain."""
