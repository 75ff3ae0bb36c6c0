"""What of the figures a project's owner may ask for: their projects, and SIA that are theirs alone.

In: a read connection and the projects. Out: nothing, or the answer of a code that does not exist:
whoever guesses learns no more.
"""

from sqlalchemy import Connection

from footprint.service import store_register
from footprint.service.problems import Problem
from footprint.service.subjects import unknown_project, unknown_sia


def check(
    connection: Connection, own: frozenset[str] | None, project: str | None, sia: str | None
) -> None:
    """Raise ReportError for a scope that is not the caller's, Problem for everything."""
    if own is None:
        return
    if project is not None:
        if project not in own:
            raise unknown_project(project)
    elif sia is not None:
        if sia not in store_register.own_sia(connection, own):
            raise unknown_sia(sia)
    else:
        raise Problem(
            403,
            "forbidden",
            f"ask with project=CODE for one of your projects: {', '.join(sorted(own))}",
        )
