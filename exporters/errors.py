"""The errors a user of the agent can meet; each message says what, where and the remedy.

AgentError
 +-- SettingsError   a setting is unknown or has no sense
 +-- SensorError     a sensor that exists cannot be used
 +-- SpoolError      the spool cannot be opened or belongs to another host
 +-- ExplainError    there is no such process or control group
"""


class AgentError(Exception):
    """One line for the user; the command ends with exit code 1."""


class SettingsError(AgentError):
    """A setting is unknown or has no sense; nothing was started."""


class SensorError(AgentError):
    """A sensor that exists on this host cannot be used."""


class SpoolError(AgentError):
    """The spool cannot be opened, or it is not this host's."""


class ExplainError(AgentError):
    """There is no process or control group to explain."""
