"""The table of budgets: every revision is a new row; nothing is overwritten."""

from sqlmodel import SQLModel

from footprint.service.tables import big, big_key, compare_bytes, key


class BudgetVersion(SQLModel, table=True):
    """A version of a budget: `content` is it as JSON; `project` and `sia` whose it is ("": of the
    other), by which reading is held to owners."""

    __tablename__ = "budget"

    code: str = key()
    known_from_us: int = big_key()
    project: str
    sia: str
    content: str
    actor: str
    method_version: str
    factors_as_of_us: int = big()


compare_bytes()
